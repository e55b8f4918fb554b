"""SQL of server mode; `session` ties every statement to one org."""
