"""Qdrant vector store: one collection per dimension, shared by all versions and orgs.

PostgreSQL stays the truth. Points are written before the transaction that counts them commits,
under ids made of version and chunk, so a batch that is repeated overwrites its own. What a lost
worker left behind belongs to a version that never becomes READY, and goes with it. Contents are
read from PostgreSQL under its row-level security, so no filter here can show another org's text.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import numpy as np
import structlog
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, UnexpectedResponse

from coco_core.errors import Unavailable
from coco_core.types import FloatMatrix, FloatVector
from coco_server.store.sealing import search_is_exact
from coco_server.store.segments import Layout
from coco_server.store.session import TenantSession
from coco_server.store.vectors import VectorStore
from coco_server.store.versions import Version

__all__ = ["QdrantVectors"]

log = structlog.get_logger(__name__)

_VERSION = "version_no"

# Points in one request: some 2 MB of JSON.
_BATCH = 256

_KEY_BITS = 32

# With fewer candidates than this recall@10 falls below 0.99 on real text.
_LEAST_CANDIDATES = 128


class QdrantVectors:
    """A Qdrant server, asked over HTTP; thread-safe."""

    in_database = False

    def __init__(
        self, url: str, *, prefix: str, api_key: str | None = None, timeout: float = 30.0
    ) -> None:
        """Prepare to talk to the server at ``url``; collections are named by ``prefix``."""
        self._prefix = prefix
        if api_key and urlsplit(url).scheme == "http":
            log.warning("qdrant_key_unencrypted", url=url)
        with warnings.catch_warnings():
            # The client says the same, where no log shows it.
            warnings.filterwarnings("ignore", "Api key is used with an insecure connection")
            self._client = QdrantClient(
                url=url,
                api_key=api_key,
                timeout=int(timeout),
                prefer_grpc=False,
                # Asked once at start it would keep the service down with Qdrant; each call says it.
                check_compatibility=False,
            )
        self._lock = threading.Lock()
        self._known: set[str] = set()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def add(
        self, session: TenantSession, version: Version, keys: Sequence[int], vectors: FloatMatrix
    ) -> None:
        """Write points, and wait until the server has them.

        Raises:
            Unavailable: the server does not answer.
        """
        del session
        with self._translated_errors():
            name = self._collection(version.dimension)
            for first in range(0, len(keys), _BATCH):
                part = keys[first : first + _BATCH]
                self._client.upsert(
                    name,
                    models.Batch(
                        ids=[version.version_no << _KEY_BITS | key for key in part],
                        vectors=vectors[first : first + _BATCH].tolist(),
                        payloads=[{_VERSION: str(version.version_no)}] * len(part),
                    ),
                    wait=True,
                )

    def count(self, number: int, dimension: int) -> int:
        """Return how many vectors of a segment the server has."""
        return self._count(dimension, _of([number]))

    def copy(
        self,
        session: TenantSession,
        version: Version,
        layout: Layout,
        keys: tuple[NDArray[np.int32], NDArray[np.int32]],
        number: int,
    ) -> int:
        """Read the points of chunks, and write them as those of the new segment.

        Raises:
            Unavailable: the server does not answer.
        """
        del session
        old, new = keys
        copied = 0
        with self._translated_errors():
            name = self._collection(version.dimension)
            for first in range(0, len(old), _BATCH):
                points = layout.segment_of(old[first : first + _BATCH]) << _KEY_BITS
                points |= old[first : first + _BATCH]
                moved = dict(
                    zip(points.tolist(), new[first : first + _BATCH].tolist(), strict=True)
                )
                found = self._client.retrieve(
                    name, list(moved), with_payload=False, with_vectors=True
                )
                if not found:
                    continue
                self._client.upsert(
                    name,
                    [
                        models.PointStruct(
                            id=number << _KEY_BITS | moved[int(point.id)],
                            vector=point.vector or {},
                            payload={_VERSION: str(number)},
                        )
                        for point in found
                    ],
                    wait=True,
                )
                copied += len(found)
        return copied

    def count_among(
        self, session: TenantSession, version: Version, layout: Layout, keys: NDArray[np.int32]
    ) -> int:
        """Return how many of these chunks of a version's segments have a vector."""
        del session
        return self._count(version.dimension, _among(layout, keys))

    def drop(self, version_no: int, dimension: int) -> None:
        """Remove a segment's points."""
        with self._translated_errors():
            self._client.delete(
                self._collection(dimension),
                models.FilterSelector(filter=_of([version_no])),
                wait=True,
            )

    def similarities(
        self,
        version: Version,
        layout: Layout,
        vector: FloatVector,
        *,
        nearest: int,
        allowed: NDArray[np.int32] | None,
        picked: Sequence[int],
    ) -> dict[int, float]:
        """Return cosines by chunk: of the nearest allowed chunks, and of the picked ones.

        Raises:
            Unavailable: the server does not answer.
        """
        within = _live(layout) if allowed is None else _among(layout, allowed)
        exact = search_is_exact(version.embedded_count, version.dimension)
        walk = models.SearchParams(exact=exact, hnsw_ef=max(nearest, _LEAST_CANDIDATES))
        requests = [_request(vector, within, nearest, walk)]
        if picked:
            straight = models.SearchParams(exact=True)
            those = _among(layout, np.array(picked, np.int32))
            requests.append(_request(vector, those, len(picked), straight))
        with self._translated_errors():
            answers = self._client.query_batch_points(self._collection(version.dimension), requests)
        return {_key(point.id): point.score for answer in answers for point in answer.points}

    def check(self) -> None:
        """Make sure that the server answers.

        Raises:
            Unavailable: it does not.
        """
        with self._translated_errors():
            self._client.get_collections()

    def _count(self, dimension: int, which: models.Filter) -> int:
        with self._translated_errors():
            name = self._collection(dimension)
            return self._client.count(name, count_filter=which, exact=True).count

    def _collection(self, dimension: int) -> str:
        """Return the collection of a dimension, which is made when it is missing."""
        name = f"{self._prefix}_{dimension}"
        with self._lock:
            if name in self._known:
                return name
            if not self._client.collection_exists(name):
                try:
                    self._create(name, dimension)
                except UnexpectedResponse as error:
                    # Another process was faster.
                    if error.status_code != httpx.codes.CONFLICT:
                        raise
            self._known.add(name)
        return name

    def _create(self, name: str, dimension: int) -> None:
        self._client.create_collection(
            name,
            vectors_config=models.VectorParams(size=dimension, distance=models.Distance.COSINE),
            # No graph over all: every search is within one version.
            hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
        )
        # Points of a version stand together, and each version gets a graph of its own.
        self._client.create_payload_index(
            name,
            _VERSION,
            field_schema=models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=True
            ),
        )

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        try:
            yield
        except (ApiException, httpx.HTTPError) as error:
            raise Unavailable(
                f"Qdrant does not answer: {error}",
                hint="Check COCO_VECTOR_DB_URL and COCO_VECTOR_DB_API_KEY.",
            ) from error


_: type[VectorStore] = QdrantVectors


def _key(point: models.ExtendedPointId) -> int:
    return int(point) & ((1 << _KEY_BITS) - 1)


def _of(segments: Sequence[int]) -> models.Filter:
    match = models.MatchAny(any=[str(number) for number in segments])
    return models.Filter(must=[models.FieldCondition(key=_VERSION, match=match)])


def _live(layout: Layout) -> models.Filter:
    """Return what lets all chunks of a version pass that are not removed."""
    every = _of([each.segment_no for each in layout.parts])
    if not len(layout.removed):
        return every
    return models.Filter(must=every.must, must_not=_among(layout, layout.removed).must)


def _among(layout: Layout, keys: NDArray[np.int32]) -> models.Filter:
    points = layout.segment_of(keys) << _KEY_BITS | keys
    return models.Filter(must=[models.HasIdCondition(has_id=points.tolist())])


def _request(
    vector: FloatVector, within: models.Filter, limit: int, walk: models.SearchParams
) -> models.QueryRequest:
    return models.QueryRequest(query=vector.tolist(), filter=within, limit=limit, params=walk)
