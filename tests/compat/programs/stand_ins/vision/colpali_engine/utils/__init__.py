"""Functions around models."""
