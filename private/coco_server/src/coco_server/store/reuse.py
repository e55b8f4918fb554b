"""Documents and vectors that earlier versions of a project have: read instead of made again.

Only complete versions of the same project are read, by row-level security those of one org. Whether
a segment's document was removed since does not matter: what was made of the same text is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

import numpy as np
from psycopg import sql

from coco_core.configs import IndexingConfig
from coco_core.header import embedding_text
from coco_core.types import Chunk, FloatVector
from coco_server.store.chunks import KEPT, chunk_of, identifiers
from coco_server.store.item_hash import of_this_release
from coco_server.store.segments import LIVE
from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version

__all__ = [
    "CutDocument",
    "EarlierSegment",
    "cut_documents",
    "earlier_segments",
    "unchanged",
    "vectors",
]

# Each segment that is looked into costs a look-up for each batch.
_MOST_SEGMENTS = 16

_EARLIER: LiteralString = """
    SELECT version_no, segments, body FROM project_versions AS version
    JOIN indexing_configs USING (org_id, config_id)
    WHERE org_id = %s AND project_id = %s AND status IN ('READY', 'ACTIVE', 'ARCHIVED')
    ORDER BY status = 'ACTIVE' DESC, version_no DESC LIMIT %s
"""

_DOCUMENTS: LiteralString = """
    SELECT version_no, doc_id, title, chunk_count, item_hash FROM documents
    WHERE org_id = %s AND version_no = ANY(%s) AND doc_id = ANY(%s) AND item_hash IS NOT NULL
"""

_UNCHANGED = sql.SQL("""
    SELECT found.doc_id FROM documents AS found
    JOIN unnest(%(doc_ids)s::text[], %(hashes)s::text[]) AS sent (doc_id, item_hash)
        ON sent.doc_id = found.doc_id AND sent.item_hash = found.item_hash
    WHERE org_id = %(org)s AND version_no = ANY(%(parts)s::bigint[]) AND {live}
""").format(live=sql.SQL(LIVE))

_CHUNKS: LiteralString = """
    SELECT doc_id, ordinal, chunk_id, embedding, content, {columns}
    FROM {source_chunks} LEFT JOIN {chunk_vectors} USING (chunk_key)
    WHERE doc_id = ANY(%s) ORDER BY doc_id, ordinal
"""


@dataclass(frozen=True, slots=True)
class EarlierSegment:
    """A segment of a complete version, and what of it is as the config says."""

    number: int
    same_cut: bool
    same_vectors: bool


@dataclass(frozen=True, slots=True)
class CutDocument:
    """A document as it was cut before."""

    title: str | None
    chunks: tuple[tuple[str, Chunk, FloatVector | None], ...]
    """Id, chunk and vector, in the order of their ordinals, which are 0 to n - 1."""


def earlier_segments(
    session: TenantSession, project_id: str, config: IndexingConfig
) -> list[EarlierSegment]:
    """Return what a build under this config can read, those of the active version first."""
    found: dict[int, EarlierSegment] = {}
    rows = session.connection.execute(
        _EARLIER, (session.org_id, project_id, _MOST_SEGMENTS)
    ).fetchall()
    for version_no, segments, body in rows:
        other = IndexingConfig.from_dict(body)
        same_vectors = other.embedding == config.embedding
        same_cut = other.chunking == config.chunking and (
            # Sizes in tokens are those of the model.
            same_vectors or config.chunking.strategy_name != "fixed_token"
        )
        if same_cut or same_vectors:
            for number in reversed(segments or [version_no]):
                found.setdefault(number, EarlierSegment(number, same_cut, same_vectors))
    return list(found.values())[:_MOST_SEGMENTS]


def cut_documents(
    session: TenantSession, segments: Sequence[EarlierSegment], hashes: Mapping[str, str]
) -> dict[str, CutDocument]:
    """Return the documents of ``hashes`` (by id) that a segment holds as they were sent.

    Raises:
        psycopg.errors.UndefinedTable: retention has removed a segment.
    """
    usable = {each.number: each for each in segments if each.same_cut}
    if not usable or not hashes:
        return {}
    chosen: dict[str, tuple[int, str | None, int]] = {}
    for number, doc_id, title, count, hashed in _stored(session, list(usable), list(hashes)):
        if hashes[doc_id] == hashed:
            known = chosen.get(doc_id)
            # Rather one whose vectors can be taken, too.
            if known is None or usable[number].same_vectors > usable[known[0]].same_vectors:
                chosen[doc_id] = (number, title, count)
    by_segment: dict[int, list[str]] = {}
    for doc_id, (number, _, _) in chosen.items():
        by_segment.setdefault(number, []).append(doc_id)
    found: dict[str, CutDocument] = {}
    for number, doc_ids in by_segment.items():
        for doc_id, chunks in _chunks(session, number, doc_ids):
            _, title, count = chosen[doc_id]
            ordinals = [ordinal for ordinal, _, _, _ in chunks]
            if ordinals == list(range(count)):
                keep = usable[number].same_vectors
                found[doc_id] = CutDocument(
                    title,
                    tuple(
                        (chunk_id, chunk, vector if keep else None)
                        for _, chunk_id, chunk, vector in chunks
                    ),
                )
    return found


def unchanged(
    session: TenantSession, parts: Sequence[int], hashes: Mapping[str, str]
) -> frozenset[str]:
    """Return which documents of ``hashes`` (by id) a version of these segments has as they are.

    Args:
        session: of the version's org.
        parts: the version's segments, oldest first.
        hashes: of the documents as they are sent now.
    """
    if not parts or not hashes:
        return frozenset()
    rows = session.connection.execute(
        _UNCHANGED,
        {
            "org": session.org_id,
            "parts": list(parts),
            "doc_ids": list(hashes),
            "hashes": list(hashes.values()),
        },
    ).fetchall()
    return frozenset(doc_id for (doc_id,) in rows)


def vectors(
    session: TenantSession, segments: Sequence[EarlierSegment], doc_ids: Sequence[str]
) -> dict[str, FloatVector]:
    """Return the vectors of the chunks of documents, by the text that the model read.

    Raises:
        psycopg.errors.UndefinedTable: retention has removed a segment.
    """
    usable = [each.number for each in segments if each.same_vectors]
    if not usable or not doc_ids:
        return {}
    by_segment: dict[int, list[str]] = {}
    for number, doc_id, _, _, hashed in _stored(session, usable, doc_ids):
        if of_this_release(hashed):
            by_segment.setdefault(number, []).append(doc_id)
    return {
        embedding_text(doc_id, chunk): vector
        for number, named in by_segment.items()
        for doc_id, chunks in _chunks(session, number, named)
        for _, _, chunk, vector in chunks
        if vector is not None
    }


def _stored(
    session: TenantSession, numbers: list[int], doc_ids: Sequence[str]
) -> list[tuple[Any, ...]]:
    return session.connection.execute(
        _DOCUMENTS, (session.org_id, numbers, list(doc_ids))
    ).fetchall()


def _chunks(
    session: TenantSession, number: int, doc_ids: Sequence[str]
) -> Iterator[tuple[str, list[tuple[int, str, Chunk, FloatVector | None]]]]:
    """Yield the chunks of documents in one segment, a document at a time."""
    statement = in_version(_CHUNKS, number, columns=identifiers(KEPT))
    found: dict[str, list[tuple[int, str, Chunk, FloatVector | None]]] = {}
    with session.connection.cursor(binary=True) as cursor:
        for doc_id, ordinal, chunk_id, embedding, content, *columns in cursor.execute(
            statement, (list(doc_ids),)
        ):
            vector = None if embedding is None else np.asarray(embedding.to_numpy(), np.float32)
            chunk = chunk_of(columns, content)
            found.setdefault(doc_id, []).append((ordinal, chunk_id, chunk, vector))
    yield from found.items()
