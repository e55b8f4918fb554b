"""What the indexes of a daemon share, and how one learns of the others."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from coco_local.indexing.embedding_queue import EmbeddingQueue
from coco_local.indexing.gate import ForegroundGate
from coco_local.indexing.static_queue import StaticQueue
from coco_local.models.index_models import IndexModels
from coco_local.monitoring.activity import Activity
from coco_local.settings import Settings

__all__ = ["IndexContext", "IndexCoordinator"]

IndexerT = TypeVar("IndexerT")


@dataclass(frozen=True, slots=True)
class IndexContext:
    """The parts of a daemon that its indexes share."""

    settings: Settings
    models: IndexModels
    embeddings: EmbeddingQueue
    statics: StaticQueue
    activity: Activity
    gate: ForegroundGate
    wake: Callable[[], None]
    stopping: threading.Event


class IndexCoordinator(Protocol[IndexerT]):
    """Coordinates an index with the others of the daemon."""

    def chunk_sources(self, indexer: IndexerT) -> Sequence[IndexerT]:
        """Return the other indexes with the same chunks, of the project or of another work tree."""
        ...

    def should_defer(self, indexer: IndexerT, *, loading: bool) -> bool:
        """Whether other indexes come first: with their backlog, or with being loaded at all."""
        ...

    def record_indexed(self, indexer: IndexerT, at: float) -> None:
        """Record when the index was up to date, in Unix seconds."""
        ...
