"""The server product as the target of an experiment."""

__all__: list[str] = []
