"""Executor selection: by the vector store that holds a version."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from coco_core.search.ports import SearchExecutor
from coco_server.search.pg import PgExecutor
from coco_server.store.access import Viewer
from coco_server.store.session import TenantSession
from coco_server.store.vectors import VectorStore
from coco_server.store.versions import Version

__all__ = ["ExecutorFactory", "executor_for"]

ExecutorFactory: TypeAlias = Callable[[TenantSession, Version, Viewer], SearchExecutor]


def executor_for(vectors: VectorStore) -> ExecutorFactory:
    """Return what makes the executor of a search."""
    if vectors.in_database:
        return PgExecutor
    from coco_server.search.qdrant import QdrantExecutor
    from coco_server.store.qdrant import QdrantVectors

    assert isinstance(vectors, QdrantVectors)
    return lambda session, version, viewer: QdrantExecutor(session, version, vectors, viewer)
