"""Server mode: the API service, its store on PostgreSQL, and its job queue."""

from coco_core.version import __version__

__all__ = ["__version__"]
