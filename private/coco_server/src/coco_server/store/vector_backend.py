"""Which store of vectors the settings name."""

from __future__ import annotations

from typing import Literal

from coco_core.errors import InvalidConfig
from coco_server.store.vectors import PgVectors, VectorStore

__all__ = ["open_vectors"]


def open_vectors(
    backend: Literal["pgvector", "qdrant"],
    *,
    url: str | None = None,
    prefix: str | None = None,
    api_key: str | None = None,
) -> VectorStore:
    """Return the store that the settings name.

    Raises:
        InvalidConfig: Qdrant is named without what it needs, or its client is not installed.
    """
    if backend == "pgvector":
        return PgVectors()
    if not url or not prefix:
        missing = "COCO_VECTOR_DB_URL" if not url else "COCO_VECTOR_DB_COLLECTION_PREFIX"
        raise InvalidConfig(
            f"COCO_VECTOR_BACKEND is 'qdrant' and {missing} is not set.",
            hint="Set COCO_VECTOR_DB_URL=http://host:6333 and a COCO_VECTOR_DB_COLLECTION_PREFIX "
            "of this deployment's own.",
        )
    try:
        from coco_server.store.qdrant import QdrantVectors
    except ImportError as error:
        raise InvalidConfig(
            f"COCO_VECTOR_BACKEND is 'qdrant' and {error.name!r} is not installed.",
            hint="Run: pip install 'coco-server[qdrant]'.",
        ) from error
    return QdrantVectors(url, prefix=prefix, api_key=api_key)
