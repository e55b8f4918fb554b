"""What the service does, below its HTTP API: the command line uses it too."""

__all__: list[str] = []
