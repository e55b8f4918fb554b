"""Compaction: the segments of a version written anew as one, without embedding or parsing again.

The version stays the same, and so do its documents, chunks and vectors; only the list of segments
in its row is exchanged, in one statement. Chunks keep their keys, so a merge that began meanwhile
goes on. Statistics and weights of keywords are computed anew, as a full import would.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, LiteralString, Self

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from coco_core.bm25 import TermVector, term_vector
from coco_core.errors import VersionConflict
from coco_core.types import Chunk
from coco_server.store import access, activations, postings, sealing, segments, usage, versions
from coco_server.store.chunks import KEPT, chunk_of, identifiers, indexed_name
from coco_server.store.segments import LIVE, Layout
from coco_server.store.session import TenantSession, loading
from coco_server.store.tables import in_version
from coco_server.store.usage import Quotas
from coco_server.store.vectors import VectorStore, copy_rows
from coco_server.store.versions import Version

__all__ = ["Compaction", "begin", "complete", "copy", "is_due", "renumbers"]

# Each segment adds some 0.3 ms to a query and 15 files to the database's folder.
_MOST_SEGMENTS = 8

# Of the first segment's chunks: when so many are removed or came after, its graph is walked more
# widely, and its statistics say less and less of the whole.
_MOST_CHANGED = 0.2

# A version of few chunks is searched as fast whatever it is made of.
_FEW_CHANGED = 1_000

# Arrays by key are as long as the highest key: when three of four keys are gone, they are given
# anew, and merges wait for that.
_MOST_SPARSE = 4
_FEW_KEYS = 1_000_000

# Keys that one transaction looks at: their texts and vectors are held at once, some 15 MB.
_WINDOW = 4_096

_READ: LiteralString = """
    SELECT chunk_key, doc_id, content, {columns} FROM {source_chunks}
    WHERE chunk_key = ANY(%s) ORDER BY chunk_key
"""

_NO_TERMS = TermVector(np.empty(0, np.uint64), np.empty((0, 3), np.uint8), (0, 0, 0))


@dataclass(frozen=True, slots=True)
class Compaction:
    """How far the segments of a version are written as one: the checkpoint of its job."""

    version_id: str
    parts: list[int]
    """The segments that are compacted."""
    segment: int
    """The number of the new one."""
    renumber: bool
    """Whether chunks get new keys, without gaps."""
    next_key: int = 0
    """Chunks with lower keys are copied."""
    chunks: int = 0
    """How many."""

    def to_dict(self) -> dict[str, Any]:
        """Return the plain data that a job's row keeps."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Read what `to_dict` gave."""
        return cls(**{each.name: data[each.name] for each in fields(cls)})


def is_due(layout: Layout, version: Version) -> bool:
    """Whether a version's segments shall become one."""
    if len(layout.parts) == 1:
        return False
    first, *others = layout.parts
    changed = len(layout.removed) + sum(each.chunk_count for each in others)
    return (
        len(layout.parts) > _MOST_SEGMENTS
        or changed > max(first.chunk_count * _MOST_CHANGED, _FEW_CHANGED)
        or renumbers(layout, version)
    )


def renumbers(layout: Layout, version: Version) -> bool:
    """Whether chunks shall get new keys: then nothing may be merged meanwhile."""
    return layout.span > max(_MOST_SPARSE * version.chunk_count, _FEW_KEYS)


def begin(session: TenantSession, version: Version, *, renumber: bool) -> Compaction:
    """Make the empty tables of a new segment, which no version has yet."""
    row = session.connection.execute("SELECT nextval('project_versions_version_no_seq')").fetchone()
    assert row is not None
    number = int(row[0])
    session.connection.execute(
        "SELECT coco_open_version(%s, %s, %s)", (number, session.org_id, version.dimension)
    )
    session.connection.execute(
        "INSERT INTO segments (segment_no, org_id, project_id, config_id) VALUES (%s, %s, %s, %s)",
        (number, session.org_id, version.project_id, version.config_id),
    )
    return Compaction(version.version_id, list(version.parts), number, renumber)


def copy(
    session: TenantSession, version: Version, done: Compaction, vectors: VectorStore
) -> Compaction | None:
    """Copy the next chunks; returns how far it is then, None when all are copied.

    Commit it together with the job's checkpoint.
    """
    source = replace(version, segments=done.parts)
    layout = segments.layout_of(session, source.parts)
    first, end = done.next_key, min(done.next_key + _WINDOW, layout.span)
    if first >= end:
        return None
    keys = _live_keys(session, source, layout, first, end)
    new = keys
    if done.renumber:
        new = np.arange(done.chunks, done.chunks + len(keys), dtype=np.int32)
    if len(keys):
        embedded = vectors.copy(session, source, layout, (keys, new), done.segment)
        _copy(session, source, (keys, new), done.segment, embedded)
    return replace(done, next_key=end, chunks=done.chunks + len(keys))


def complete(
    session: TenantSession,
    version: Version,
    done: Compaction,
    vectors: VectorStore,
    *,
    helpers: int | None,
) -> bool:
    """Index the new segment, and exchange it for those that it holds.

    The exchange is made in the version that answers now, which may be a merge on top of the one
    that was compacted. Returns False if that is not made of these segments: roll back then.

    Raises:
        VersionConflict: the new segment does not hold what the others do.
    """
    if _target(session, version, done) is None:
        return False
    _index(session, version, done, vectors, helpers=helpers)
    # From here on no other version can begin to answer. After the org's totals: that is the order
    # of all transactions that need both.
    activations.lock(session, version.project_id)
    target = _target(session, version, done)
    if target is None:
        return False
    rest = list(target.parts[len(done.parts) :])
    made = segments.layout_of(session, (done.segment, *rest))
    session.connection.execute(
        "UPDATE project_versions SET segments = %s, approximate = %s, storage_bytes = %s "
        "WHERE org_id = %s AND version_id = %s",
        (
            [done.segment, *rest],
            any(each.approximate for each in made.parts),
            sum(each.storage_bytes for each in made.parts),
            session.org_id,
            target.version_id,
        ),
    )
    return True


def _target(session: TenantSession, version: Version, done: Compaction) -> Version | None:
    """Return the version that answers, if it is made of the compacted segments."""
    found = versions.newest_of_config(session, version.project_id, version.config_id)
    if found is None or list(found.parts[: len(done.parts)]) != done.parts:
        return None
    alone = len(found.parts) == len(done.parts)
    return found if alone or not done.renumber else None


def _index(
    session: TenantSession,
    version: Version,
    done: Compaction,
    vectors: VectorStore,
    *,
    helpers: int | None,
) -> None:
    source = replace(version, segments=done.parts)
    before = segments.layout_of(session, source.parts)
    expected = sum(each.chunk_count for each in before.parts) - len(before.removed)
    (own,) = segments.layout_of(session, (done.segment,)).parts
    with loading(session):
        postings.turn_over(session, done.segment, Layout((own,)).weighted_by)
    approximate, chunks, embedded = sealing.index_segment(
        session, done.segment, version.dimension, own.embedded_count, vectors, helpers=helpers
    )
    if (chunks, embedded) != (expected, own.embedded_count):
        raise VersionConflict(
            f"The segment {done.segment} holds {chunks} chunks and {embedded} vectors, and not "
            f"{expected} and {own.embedded_count}.",
            hint="The version is unchanged; the next merge compacts it again.",
        )
    documents = _copy_documents(session, source, done.segment)
    access.write_lists(session, version.project_id, done.segment)
    session.connection.execute(
        "UPDATE segments SET document_count = %s, approximate = %s "
        "WHERE org_id = %s AND segment_no = %s",
        (documents, approximate, session.org_id, done.segment),
    )
    usage.reserve(session, Quotas(), documents=documents)


def _live_keys(
    session: TenantSession, source: Version, layout: Layout, first: int, end: int
) -> NDArray[np.int32]:
    row = session.connection.execute(
        in_version(
            "SELECT string_agg(int4send(chunk_key), ''::bytea) FROM {source_chunks} "
            "WHERE chunk_key >= %s AND chunk_key < %s",
            source.parts,
        ),
        (first, end),
        binary=True,
    ).fetchone()
    packed = row[0] if row and row[0] is not None else b""
    keys = np.frombuffer(packed, ">i4").astype(np.int32)
    return np.setdiff1d(keys, layout.removed)


def _copy(
    session: TenantSession,
    source: Version,
    keys: tuple[NDArray[np.int32], NDArray[np.int32]],
    number: int,
    embedded: int,
) -> None:
    """Copy chunks with their terms and names, and count them with their vectors."""
    old, new = keys
    _copy_rows(session, source, keys, number)
    terms = dict.fromkeys(range(int(new[0]), int(new[-1]) + 1), _NO_TERMS)
    names: list[tuple[str, int]] = []
    size = 4 * source.dimension * embedded
    statement = in_version(_READ, source.parts, columns=identifiers(KEPT))
    rows = session.connection.execute(statement, (old.tolist(),))
    for key, (_, doc_id, content, *values) in zip(new.tolist(), rows, strict=True):
        chunk = chunk_of(values, content)
        terms[key] = term_vector(doc_id, chunk)
        names += [(name, key) for name in _names(chunk)]
        size += len(content.encode())
    with loading(session):
        postings.add_batch(session, number, int(new[0]), list(terms.values()))
        _write_names(session, number, names)
    lengths = np.array([each.lengths for each in terms.values()], np.int64).sum(axis=0)
    session.connection.execute(
        "UPDATE segments SET end_key = %s, chunk_count = chunk_count + %s, "
        "embedded_count = embedded_count + %s, storage_bytes = storage_bytes + %s, "
        "length_sums = ARRAY[length_sums[1] + %s, length_sums[2] + %s, length_sums[3] + %s] "
        "WHERE org_id = %s AND segment_no = %s",
        (
            int(new[-1]) + 1,
            len(new),
            embedded,
            size,
            *lengths.tolist(),
            session.org_id,
            number,
        ),
    )
    # While both are stored, both are counted, also if this one is abandoned: dropping it gives back
    # what it counts. No quota keeps what is there from being tidied.
    usage.reserve(session, Quotas(), chunks=len(new), storage_bytes=size)


def _copy_rows(
    session: TenantSession,
    source: Version,
    keys: tuple[NDArray[np.int32], NDArray[np.int32]],
    number: int,
) -> None:
    kept = _columns(session, "source_chunks", {"chunk_key", "version_no"})
    copy_rows(
        session,
        in_version(
            "SELECT moved.new_key, {number}::bigint, {kept} FROM unnest(%s::int[], %s::int[]) "
            "AS moved (old_key, new_key) JOIN {source_chunks} ON chunk_key = moved.old_key "
            "ORDER BY moved.new_key",
            source.parts,
            number=sql.Literal(number),
            kept=kept,
        ),
        [each.tolist() for each in keys],
        in_version("{source_chunks} (chunk_key, version_no, {kept})", number, kept=kept),
    )


def _copy_documents(session: TenantSession, source: Version, number: int) -> int:
    kept = _columns(session, "documents", {"version_no"})
    return session.connection.execute(
        sql.SQL(
            "INSERT INTO documents (version_no, {kept}) SELECT %(number)s, {kept} "
            "FROM documents AS found WHERE org_id = %(org)s "
            "AND version_no = ANY(%(parts)s::bigint[]) AND {live}"
        ).format(kept=kept, live=sql.SQL(LIVE)),
        {"number": number, "org": session.org_id, "parts": list(source.parts)},
    ).rowcount


def _columns(session: TenantSession, table: str, without: set[str]) -> sql.Composed:
    """Return a table's columns: whatever a later migration adds is copied, too."""
    rows = session.connection.execute(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass "
        "AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        (table,),
    ).fetchall()
    return identifiers([name for (name,) in rows if name not in without])


def _names(chunk: Chunk) -> set[str]:
    return {indexed_name(definition.name) for definition in chunk.definitions}


def _write_names(session: TenantSession, number: int, names: list[tuple[str, int]]) -> None:
    statement = in_version(
        "COPY {chunk_names} (name, chunk_key) FROM STDIN (FORMAT BINARY)", number
    )
    with session.connection.cursor() as cursor, cursor.copy(statement) as copying:
        copying.set_types(["text", "int4"])
        for pair in names:
            copying.write_row(pair)
