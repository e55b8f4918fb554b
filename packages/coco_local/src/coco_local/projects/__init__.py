"""The registered projects, their indexes, and their defaults."""
