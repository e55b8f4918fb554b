"""All SQL of server mode; see `session` for how a statement is tied to one org."""
