"""Vectors in Qdrant: counted before a version is READY, repeated without harm, dropped with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from coco_core.errors import InvalidConfig, Unavailable, VersionConflict
from coco_server.search.backend import executor_for
from coco_server.search.pg import PgExecutor
from coco_server.store import chunks, retention, sealing, segments
from coco_server.store.qdrant import QdrantVectors
from coco_server.store.retention import RetentionPolicy
from coco_server.store.segments import Layout, Segment
from coco_server.store.vector_backend import open_vectors
from coco_server.store.vectors import PgVectors
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant, rows, vector_of
from tests.qdrant_server import API_KEY, new_prefix, qdrant_server


@pytest.fixture
def vectors() -> Iterator[QdrantVectors]:
    with qdrant_server() as url:
        made = QdrantVectors(url, prefix=new_prefix(), api_key=API_KEY)
        yield made
        made.close()


class Lost(Exception):
    pass


def whole(version: Version) -> Layout:
    """What a full build is made of."""
    (number,) = version.parts
    counts = (version.document_count, version.chunk_count, version.embedded_count)
    return Layout((Segment(number, 0, version.chunk_count, *counts, 0, [], False, b""),))


def built(tenant: Tenant, vectors: QdrantVectors, texts: dict[str, str]) -> Version:
    version = tenant.begin()
    with tenant.database.tenant(tenant.org_id) as session:
        chunks.append(session, version, *rows(texts), vectors=vectors)
        return sealing.seal(session, version, vectors=vectors)


def test_a_batch_that_is_repeated_is_there_once(tenant: Tenant, vectors: QdrantVectors) -> None:
    version = tenant.begin()
    batch = rows({"a": "one", "b": "two"})
    with pytest.raises(Lost), tenant.session() as session:
        chunks.append(session, version, *batch, vectors=vectors)
        raise Lost
    with tenant.database.tenant(tenant.org_id) as session:
        chunks.append(session, version, *batch, vectors=vectors)
    with tenant.database.tenant(tenant.org_id) as session:
        ready = sealing.seal(session, version, vectors=vectors)
    assert (ready.status, ready.embedded_count, ready.approximate) == ("READY", 2, False)
    found = vectors.similarities(
        ready, whole(ready), vector_of("two"), nearest=1, allowed=None, picked=[0]
    )
    assert found[1] == pytest.approx(1.0, abs=1e-5)
    assert set(found) == {0, 1}


def test_versions_of_one_collection_are_apart(tenant: Tenant, vectors: QdrantVectors) -> None:
    first = built(tenant, vectors, {"a": "one"})
    second = built(tenant, vectors, {"b": "two", "c": "three"})
    assert [vectors.count(each.version_no, each.dimension) for each in (first, second)] == [1, 2]
    found = vectors.similarities(
        first, whole(first), vector_of("two"), nearest=9, allowed=None, picked=[]
    )
    assert set(found) == {0}
    few = vectors.similarities(
        second,
        whole(second),
        vector_of("two"),
        nearest=9,
        allowed=np.array([1], np.int32),
        picked=[],
    )
    assert set(few) == {1}


def test_missing_points_keep_a_version_unready(tenant: Tenant, vectors: QdrantVectors) -> None:
    version = tenant.begin()
    with tenant.database.tenant(tenant.org_id) as session:
        chunks.append(session, version, *rows({"a": "one"}), vectors=vectors)
    vectors.drop(version.version_no, version.dimension)
    with pytest.raises(VersionConflict, match="were written"), tenant.session() as session:
        sealing.seal(session, version, vectors=vectors)


def test_points_of_all_segments_are_copied_into_one(tenant: Tenant, vectors: QdrantVectors) -> None:
    """What compaction does: the chunks that count get new keys, and their vectors with them."""
    tenant = replace(tenant, vectors=vectors)
    first = tenant.activate(tenant.build({"a": "one", "b": "two"}))
    merged = tenant.merge({"b": "three", "c": "four"})
    number = merged.version_no + 1_000_000
    with tenant.session() as session:
        layout = segments.layout(session, merged)
        live = layout.live()
        assert live is not None
        old = np.flatnonzero(live).astype(np.int32)
        new = np.arange(len(old), dtype=np.int32)
        assert vectors.copy(session, merged, layout, (old, new), number) == len(old) == 3
        # Repeated by another worker, it overwrites its own.
        assert vectors.copy(session, merged, layout, (old, new), number) == 3
    assert vectors.count(number, merged.dimension) == 3
    assert vectors.count(first.version_no, first.dimension) == 2
    one = Layout((Segment(number, 0, 3, 3, 3, 3, 0, [], False, b""),))
    for key, text in enumerate(["one", "three", "four"]):
        found = vectors.similarities(
            merged, one, vector_of(text), nearest=1, allowed=None, picked=[]
        )
        assert found == {key: pytest.approx(1.0, abs=1e-5)}


def test_points_go_with_their_version(tenant: Tenant, vectors: QdrantVectors) -> None:
    ready = built(tenant, vectors, {"a": "one"})
    policy = RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)
    removed = retention.prune(tenant.database, policy, vectors=vectors)
    assert ready.version_id in [each.version_id for each in removed]
    assert vectors.count(ready.version_no, ready.dimension) == 0


def test_a_server_that_is_gone_or_refuses_is_told(tenant: Tenant) -> None:
    version = tenant.begin()
    with qdrant_server() as url:
        stranger = QdrantVectors(url, prefix=new_prefix(), api_key="another key")
        with pytest.raises(Unavailable, match="COCO_VECTOR_DB_API_KEY"):
            stranger.count(version.version_no, version.dimension)
    with pytest.raises(Unavailable, match="Qdrant does not answer"):
        QdrantVectors(url, prefix=new_prefix(), api_key=API_KEY).count(1, 8)


def test_the_settings_choose_the_backend() -> None:
    assert executor_for(open_vectors("pgvector")) is PgExecutor
    assert isinstance(open_vectors("pgvector"), PgVectors)
    for given, missing in (
        ({"prefix": "p"}, "COCO_VECTOR_DB_URL"),
        ({"url": "http://h"}, "COCO_VECTOR_DB_COLLECTION_PREFIX"),
    ):
        with pytest.raises(InvalidConfig, match=missing):
            open_vectors("qdrant", **given)
