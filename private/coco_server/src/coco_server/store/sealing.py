"""Sealing of a version: compares counts, builds indexes, marks it READY."""

from __future__ import annotations

import numpy as np

from coco_core.bm25 import CorpusStats
from coco_core.errors import VersionConflict
from coco_server.store import access, postings, segments, usage, versions
from coco_server.store.segments import Layout
from coco_server.store.session import TenantSession, loading
from coco_server.store.vectors import PgVectors, VectorStore
from coco_server.store.versions import Version

__all__ = ["corpus_stats", "index_segment", "seal", "search_is_exact"]

# An exact scan of 1,000 vectors of 384 numbers takes about 0.9 ms here, so it stays below what an
# index walk costs (some 5 ms for 200 candidates) up to about this many; and it misses nothing.
_EXACT_CHUNKS = 6_000
_MEASURED_DIMENSION = 384

# Who asked within this time will ask again before an index is built.
_LATELY_SECONDS = 60


def search_is_exact(chunks: int, dimension: int) -> bool:
    """Whether a version of this size needs no index of its vectors."""
    return chunks * dimension <= _EXACT_CHUNKS * _MEASURED_DIMENSION


def corpus_stats(version: Version) -> CorpusStats:
    """Return what BM25 needs to know of a full build: weights are computed under these."""
    sums = np.array(version.length_sums, np.float64)
    return CorpusStats(version.chunk_count, (sums / max(1, version.chunk_count)).astype(np.float32))


def seal(
    session: TenantSession,
    version: Version,
    *,
    vectors: VectorStore | None = None,
    helpers: int | None = None,
) -> Version:
    """Turn a complete build into a READY version; commit it together with the job's end.

    Args:
        session: of the version's org.
        version: in BUILDING, all of its batches written.
        vectors: where its vectors are kept; without it beside the chunks.
        helpers: processes of the database that help to build its index; without it as many as the
            database allows, and none while somebody asks.

    Raises:
        VersionConflict: it is not being built, or its rows are not what was counted.
    """
    now = versions.get(session, version.project_id, version.version_id)
    if now.status != "BUILDING":
        raise VersionConflict(f"The version {now.version_id!r} is {now.status}, not BUILDING.")
    before = now.parts[:-1]
    # Weights under other mean lengths would not compare with those of the segments before.
    stats = segments.layout_of(session, before).weighted_by if before else corpus_stats(now)
    with loading(session):
        postings.turn_over(session, now.version_no, stats)
    store = vectors or PgVectors()
    approximate, *found = index_segment(
        session, now.version_no, now.dimension, now.embedded_count, store, helpers=helpers
    )
    held = tuple(found)
    if held != (now.chunk_count, now.embedded_count):
        raise VersionConflict(
            f"The version {now.version_id!r} holds {held} chunks and vectors, but "
            f"{(now.chunk_count, now.embedded_count)} were written.",
            hint="Build it again; the active version is unchanged.",
        )
    access.write_lists(session, now.project_id, now.version_no)
    segments.ensure(session, now.version_id)
    made = segments.add_removed(session, now, approximate=approximate)
    documents, chunks, embedded = _live_counts(session, now, made, store)
    session.connection.execute(
        "UPDATE project_versions SET status = 'READY', ready_at = now(), approximate = %s, "
        "document_count = %s, chunk_count = %s, embedded_count = %s, storage_bytes = %s, "
        "restricted = %s "
        "WHERE org_id = %s AND version_id = %s",
        (
            any(each.approximate for each in made.parts),
            documents,
            chunks,
            embedded,
            sum(each.storage_bytes for each in made.parts),
            access.restricted(session, now.parts),
            session.org_id,
            now.version_id,
        ),
    )
    usage.release_unused(session, now.version_id)
    return versions.get(session, now.project_id, now.version_id)


def index_segment(
    session: TenantSession,
    number: int,
    dimension: int,
    embedded: int,
    store: VectorStore,
    *,
    helpers: int | None,
) -> tuple[bool, int, int]:
    """Index the complete tables of a segment, and open them to readers.

    Returns whether its vectors have an HNSW index, and how many chunks and vectors it holds.
    """
    approximate = store.in_database and not search_is_exact(embedded, dimension)
    if approximate:
        session.connection.execute(
            "SELECT set_config('maintenance_work_mem', %s, true)",
            (_build_memory(embedded, dimension),),
        )
        if helpers is None and _somebody_asks(session):
            helpers = 0
        if helpers is not None:
            session.connection.execute(
                "SELECT set_config('max_parallel_maintenance_workers', %s, true)", (str(helpers),)
            )
    found = session.connection.execute(
        "SELECT chunks, vectors FROM coco_seal_version(%s, %s, %s, %s)",
        (number, session.org_id, dimension, approximate),
    ).fetchone()
    assert found is not None
    return approximate, found[0], found[1] if store.in_database else store.count(number, dimension)


def _live_counts(
    session: TenantSession, version: Version, made: Layout, store: VectorStore
) -> tuple[int, int, int]:
    """Return the documents, chunks and vectors of a version that are not removed."""
    row = session.connection.execute(
        "SELECT count(*) FROM removed_documents WHERE segment_no = ANY(%s)",
        (list(version.parts),),
    ).fetchone()
    documents = sum(each.document_count for each in made.parts) - (row[0] if row else 0)
    written = sum(each.chunk_count for each in made.parts)
    embedded = sum(each.embedded_count for each in made.parts)
    gone = len(made.removed)
    with_vector = gone if embedded == written else 0
    if gone and embedded != written:
        with_vector = store.count_among(session, version, made, made.removed)
    return documents, written - gone, embedded - with_vector


def _somebody_asks(session: TenantSession) -> bool:
    """Whether any version was searched lately, by what PostgreSQL counts of every index.

    A build with helpers takes three cores for half as long as one without: on a small machine
    whoever asks then waits for a core at every step.
    """
    row = session.connection.execute(
        "SELECT EXISTS (SELECT FROM pg_stat_user_indexes WHERE relname ^@ 'source_chunks_' "
        "AND last_idx_scan > clock_timestamp() - make_interval(secs => %s))",
        (_LATELY_SECONDS,),
    ).fetchone()
    return bool(row and row[0])


def _build_memory(embedded: int, dimension: int) -> str:
    # The graph must fit, or the build takes three times as long: half-precision vectors, and per
    # element some 400 bytes of neighbors and bookkeeping (measured: 123 MB for 100,000 times 384).
    needed = embedded * (2 * dimension + 600)
    megabytes = min(max(64, needed // 1_000_000 + 64), 2048)
    return f"{megabytes}MB"
