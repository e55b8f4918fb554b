"""Committing what a component declared: the plan, the records, the sinks and the children."""
