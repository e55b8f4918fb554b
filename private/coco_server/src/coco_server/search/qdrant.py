"""QdrantExecutor: keywords, filters and metadata from PostgreSQL, similarities from Qdrant."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coco_core.types import FloatVector
from coco_server.search.pg import Allowed, PgExecutor, read_metadata
from coco_server.store.access import VIEWS_PUBLIC, Viewer
from coco_server.store.qdrant import QdrantVectors
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["QdrantExecutor"]


class QdrantExecutor(PgExecutor):
    """Executes one search on one version whose vectors are in Qdrant."""

    def __init__(
        self,
        session: TenantSession,
        version: Version,
        vectors: QdrantVectors,
        viewer: Viewer = VIEWS_PUBLIC,
    ) -> None:
        super().__init__(session, version, viewer)
        self._vectors = vectors

    def _count_embedded(self, keys: NDArray[np.int32]) -> int:
        return self._vectors.count_among(self._session, self._version, self._layout, keys)

    def _candidates(
        self, picked: Sequence[int], vector: FloatVector | None, allowed: Allowed, wanted: int
    ) -> list[tuple[Any, ...]]:
        similar: dict[int, float] = {}
        if vector is not None and self._version.embedded_count:
            similar = self._vectors.similarities(
                self._version,
                self._layout,
                vector,
                nearest=wanted,
                allowed=allowed.keys,
                picked=picked,
            )
        rows = read_metadata(self._session, self._version, sorted({*picked, *similar}))
        return [(*row, similar.get(row[0])) for row in rows]
