"""Plots as inline SVG: places in percent and sizes in pixels, so that they fit every width."""

__all__: list[str] = []
