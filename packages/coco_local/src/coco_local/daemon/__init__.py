"""The daemon: its parts put together, its start, its stop."""
