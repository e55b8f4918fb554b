"""The map indexes of all projects that were asked for one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from weakref import WeakKeyDictionary

from coco_core.code.project_map import MapFile, MappedSymbol
from coco_local.indexing.indexer import ProjectIndexer
from coco_local.search.map_index import MapIndex

__all__ = ["Maps"]


class Maps:
    """One `MapIndex` for each index, gone with it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._indexes: WeakKeyDictionary[ProjectIndexer, MapIndex] = WeakKeyDictionary()

    def files(
        self, indexer: ProjectIndexer, allowed: Callable[[str], bool]
    ) -> tuple[list[MapFile], list[tuple[MappedSymbol, str]]]:
        """Return the files of an index that are allowed, and all definitions by weight."""
        with self._lock:
            known = self._indexes.get(indexer)
            if known is None:
                known = self._indexes[indexer] = MapIndex()
        return known.files(indexer.index.memory, allowed)
