"""Local mode: one daemon per machine that indexes, watches, and answers queries."""

from coco_core.version import __version__

__all__ = ["__version__"]
