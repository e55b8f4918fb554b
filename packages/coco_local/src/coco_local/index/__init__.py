"""Turning files into an index that answers: reading, memory, background work."""
