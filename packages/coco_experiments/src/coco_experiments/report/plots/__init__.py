"""Plots as inline SVG that scale to any width."""

__all__: list[str] = []
