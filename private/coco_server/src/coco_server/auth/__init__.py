"""Who calls, what they may do, and how often."""

__all__: list[str] = []
