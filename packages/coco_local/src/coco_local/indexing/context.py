"""What all indexes of a daemon use together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from coco_local.indexing.embedding_queue import EmbeddingQueue
from coco_local.indexing.gate import QueryGate
from coco_local.indexing.static_queue import StaticQueue
from coco_local.models.index_models import IndexModels
from coco_local.monitoring.activity import Activity
from coco_local.settings import Settings

__all__ = ["IndexTies", "Shared"]

IndexerT = TypeVar("IndexerT")


@dataclass(frozen=True, slots=True)
class Shared:
    """The parts of a daemon that its indexes share."""

    settings: Settings
    models: IndexModels
    embeddings: EmbeddingQueue
    statics: StaticQueue
    activity: Activity
    gate: QueryGate
    wake: Callable[[], None]
    stopping: threading.Event


class IndexTies(Protocol[IndexerT]):
    """What an index has to do with the others of the daemon."""

    def donors(self, indexer: IndexerT) -> Sequence[IndexerT]:
        """Return the other indexes of the project that are cut in the same way."""
        ...

    def gives_way(self, indexer: IndexerT, *, loading: bool) -> bool:
        """Whether other indexes come first: with their bulk, or with being loaded at all."""
        ...

    def note_indexed(self, indexer: IndexerT, at: float) -> None:
        """Hear that the index is up to date, in Unix seconds."""
        ...
