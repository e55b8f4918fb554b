"""Bringing an index up to date before its files are listed or searched as text."""

from __future__ import annotations

from typing import Final

from coco_local.indexing.indexer import ProjectIndexer
from coco_local.search.service import FIRST_SCAN_SECONDS

__all__ = ["CATCH_UP_SECONDS", "LISTING", "catch_up"]

CATCH_UP_SECONDS: Final = 0.1
"""What a listing or a text search may wait for files that changed a moment ago."""

LISTING: Final = "The project's files are still being listed."


def catch_up(indexer: ProjectIndexer) -> bool:
    """Index what was saved a moment ago; False while the project's files are still listed."""
    indexer.backlog.sync()
    listed = indexer.backlog.wait_scanned(FIRST_SCAN_SECONDS)
    indexer.catch_up(None, CATCH_UP_SECONDS)
    return listed
