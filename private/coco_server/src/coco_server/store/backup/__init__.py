"""Backup and restore: one file with the rows of all tenants, as of one moment, and the imports."""

__all__: list[str] = []
