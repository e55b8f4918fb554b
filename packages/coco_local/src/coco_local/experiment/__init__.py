"""Local mode as the target of an experiment, and what its files bring to one."""

__all__: list[str] = []
