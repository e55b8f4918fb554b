"""Segments: the immutable parts that versions are made of and share.

A segment has tables of its own, named by the number of the version that wrote it. Chunk keys are
unique in a version, so its segments are read as one; what a later segment replaced or deleted is
removed from the earlier ones by tombstones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import LiteralString

import numpy as np
from numpy.typing import NDArray
from psycopg import sql

from coco_core.bm25 import CorpusStats
from coco_core.errors import VersionNotFound
from coco_server.store.rows import all_rows
from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version, keys_parameter
from coco_server.store.versions import Version

__all__ = [
    "LIVE",
    "Layout",
    "Segment",
    "add_removed",
    "count",
    "ensure",
    "layout",
    "layout_of",
    "remove_documents",
]

# Layouts that are kept in the process. One is a few hundred bytes and four for each tombstone, of
# which compaction leaves at most a fifth of the version's chunks.
_REMEMBERED = 512

LIVE: LiteralString = """NOT EXISTS (
    SELECT FROM removed_documents AS gone
    WHERE gone.segment_no = ANY(%(parts)s::bigint[]) AND gone.doc_id = found.doc_id
    AND array_position(%(parts)s::bigint[], gone.segment_no)
        > array_position(%(parts)s::bigint[], found.version_no)
)"""
"""Whether a row ``found`` of documents or chunks is not removed by a later segment of ``parts``."""

_NO_KEYS = np.empty(0, np.int32)


@dataclass(frozen=True, slots=True)
class Segment:
    """The row of a segment: what it has itself, whatever was removed from it since."""

    segment_no: int
    first_key: int
    end_key: int
    """One more than its last key."""
    document_count: int
    chunk_count: int
    embedded_count: int
    storage_bytes: int
    length_sums: list[int]
    """Terms per field of its chunks, in the order of `coco_core.bm25.FIELDS`."""
    approximate: bool
    """Whether its vectors have an HNSW index."""
    removed_keys: bytes
    """int32[n], little-endian, ascending: tombstones of chunks in the segments before it."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The segments of one complete version, and which of their chunks are removed."""

    parts: tuple[Segment, ...]
    """Oldest first."""
    removed: NDArray[np.int32] = field(default_factory=lambda: _NO_KEYS)
    """int32[n], ascending."""

    @property
    def span(self) -> int:
        """One more than the last key: the length of an array that is indexed by keys."""
        return max(each.end_key for each in self.parts)

    @property
    def weighted_by(self) -> CorpusStats:
        """The statistics under which the keyword weights of all segments were computed."""
        first = self.parts[0]
        sums = np.array(first.length_sums, np.float64)
        mean = (sums / max(1, first.chunk_count)).astype(np.float32)
        return CorpusStats(first.chunk_count, mean)

    def segment_of(self, keys: NDArray[np.int32]) -> NDArray[np.int64]:
        """Return int64[n]: the numbers of the segments that these keys are in."""
        firsts = np.array([each.first_key for each in self.parts], np.int64)
        # Segments without a chunk share their first key with the next one, which is the right one.
        places = np.searchsorted(firsts, keys, side="right") - 1
        numbers = np.array([each.segment_no for each in self.parts], np.int64)
        found: NDArray[np.int64] = numbers[places]
        return found

    def shares(self, keys: Collection[int] | NDArray[np.int32]) -> dict[str, str]:
        """Return the keys of each segment, by the name of its parameter in `tables.by_key`.

        As text: then the type is the same for any keys, and with it the prepared statement.
        """
        sought = np.sort(np.fromiter(keys, np.int32, len(keys)))
        firsts = [each.first_key for each in self.parts[1:]]
        return {
            keys_parameter(place): f"{{{','.join(map(str, share.tolist()))}}}"
            for place, share in enumerate(np.split(sought, np.searchsorted(sought, firsts)))
        }

    def live(self) -> NDArray[np.bool_] | None:
        """Return bool[span], false for what was removed; None when nothing was."""
        if not len(self.removed):
            return None
        mask = np.ones(self.span, np.bool_)
        mask[self.removed] = False
        return mask


# By the version's id, too: numbers are those of one database, and a process may open several.
_layouts: dict[tuple[str, tuple[int, ...]], Layout] = {}


def layout(session: TenantSession, version: Version) -> Layout:
    """Return what a version is made of; read once by a process, for neither changes.

    Raises:
        VersionNotFound: retention has removed the version.
    """
    if version.parts == (version.version_no,):
        # A full build: its row says it all, and spares every first query a statement.
        return Layout((_whole(version),))
    key = (version.version_id, version.parts)
    known = _layouts.get(key)
    if known is None:
        known = layout_of(session, version.parts)
        if len(_layouts) >= _REMEMBERED:
            _layouts.pop(next(iter(_layouts)), None)
        _layouts[key] = known
    return known


def ensure(session: TenantSession, version_id: str) -> None:
    """Give a version's own segment its row, which a program of an older release does not write."""
    session.connection.execute(
        "INSERT INTO segments (segment_no, org_id, project_id, config_id, end_key, document_count, "
        "chunk_count, embedded_count, storage_bytes, length_sums, approximate) "
        "SELECT version_no, org_id, project_id, config_id, chunk_count, document_count, "
        "chunk_count, embedded_count, storage_bytes, length_sums, approximate "
        "FROM project_versions WHERE org_id = %s AND version_id = %s AND segments = '{}' "
        "AND NOT coalesce(failure ? 'removed', false) ON CONFLICT DO NOTHING",
        (session.org_id, version_id),
    )


def count(
    session: TenantSession,
    version: Version,
    chunks: int,
    others: tuple[int, int, int],
    lengths: NDArray[np.int64],
) -> int:
    """Count a batch in a version's own segment; returns the key of its first chunk.

    Args:
        session: of the version's org.
        version: in BUILDING.
        chunks: how many the batch has.
        others: its documents, vectors and bytes.
        lengths: int64[fields], terms of all its chunks.
    """
    row = session.connection.execute(
        "UPDATE segments SET end_key = end_key + %s, chunk_count = chunk_count + %s, "
        "document_count = document_count + %s, embedded_count = embedded_count + %s, "
        "storage_bytes = storage_bytes + %s, "
        "length_sums = ARRAY[length_sums[1] + %s, length_sums[2] + %s, length_sums[3] + %s] "
        "WHERE org_id = %s AND segment_no = %s RETURNING end_key",
        (chunks, chunks, *others, *lengths.tolist(), session.org_id, version.version_no),
    ).fetchone()
    if row is None:
        # The build was begun by an older release. Its own counts have this batch already.
        ensure(session, version.version_id)
        row = session.connection.execute(
            "SELECT end_key FROM segments WHERE org_id = %s AND segment_no = %s",
            (session.org_id, version.version_no),
        ).fetchone()
        assert row is not None
    return int(row[0]) - chunks


def remove_documents(session: TenantSession, version: Version, doc_ids: Sequence[str]) -> None:
    """Take documents out of the segments before a merge's own; those they have not are ignored."""
    before = list(version.parts[:-1])
    if not before or not doc_ids:
        return
    session.connection.execute(
        sql.SQL(
            "INSERT INTO removed_documents (org_id, project_id, segment_no, doc_id) "
            "SELECT %(org)s, %(project)s, %(own)s, doc_id FROM documents AS found "
            "WHERE version_no = ANY(%(parts)s::bigint[]) AND doc_id = ANY(%(doc_ids)s::text[]) "
            "AND {live} ON CONFLICT DO NOTHING"
        ).format(live=sql.SQL(LIVE)),
        {
            "org": version.org_id,
            "project": version.project_id,
            "own": version.version_no,
            "doc_ids": list(doc_ids),
            "parts": before,
        },
    )


def add_removed(session: TenantSession, version: Version, *, approximate: bool) -> Layout:
    """Complete the row of a version's own segment; returns what the version is made of.

    The tombstones are those of the chunks that its documents take out of the segments before it.
    """
    removed = _tombstones(session, version)
    session.connection.execute(
        "UPDATE segments SET removed_keys = %s, approximate = %s "
        "WHERE org_id = %s AND segment_no = %s",
        (removed.astype("<i4").tobytes(), approximate, session.org_id, version.version_no),
    )
    return layout_of(session, version.parts)


def _tombstones(session: TenantSession, version: Version) -> NDArray[np.int32]:
    """Return the keys that the version's own segment removes from those before it, ascending.

    Those that an earlier segment removed are not among them.
    """
    before = version.parts[:-1]
    if not before:
        return _NO_KEYS
    packed = session.connection.execute(
        in_version(
            "SELECT string_agg(int4send(found.chunk_key), ''::bytea) "
            "FROM removed_documents AS mine JOIN {source_chunks} AS found USING (doc_id) "
            "WHERE mine.segment_no = %(own)s AND {live}",
            before,
            live=sql.SQL(LIVE),
        ),
        {"own": version.version_no, "parts": list(before)},
        binary=True,
    ).fetchone()
    found = packed[0] if packed and packed[0] is not None else b""
    return np.sort(np.frombuffer(found, ">i4").astype(np.int32))


def layout_of(session: TenantSession, numbers: tuple[int, ...]) -> Layout:
    """Return what segments are together, read anew.

    Raises:
        VersionNotFound: one of them has been removed.
    """
    rows = all_rows(
        session,
        Segment,
        "SELECT {columns} FROM segments WHERE org_id = %s AND segment_no = ANY(%s) "
        "ORDER BY array_position(%s::bigint[], segment_no)",
        (session.org_id, list(numbers), list(numbers)),
    )
    if len(rows) != len(numbers):
        raise VersionNotFound("The version has been removed.")
    keys = [np.frombuffer(each.removed_keys, "<i4").astype(np.int32) for each in rows]
    return Layout(tuple(rows), np.unique(np.concatenate(keys)))


def _whole(version: Version) -> Segment:
    return Segment(
        segment_no=version.version_no,
        first_key=0,
        end_key=version.chunk_count,
        document_count=version.document_count,
        chunk_count=version.chunk_count,
        embedded_count=version.embedded_count,
        storage_bytes=version.storage_bytes,
        length_sums=version.length_sums,
        approximate=version.approximate,
        removed_keys=b"",
    )
