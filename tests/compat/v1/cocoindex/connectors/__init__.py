"""Connectors under the public engine's names."""
