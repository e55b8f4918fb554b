"""The routes of the HTTP API, one group a module."""

__all__: list[str] = []
