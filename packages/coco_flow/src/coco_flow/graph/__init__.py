"""The flow's graph as plain data."""
