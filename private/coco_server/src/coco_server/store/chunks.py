"""Documents and chunks of a version: written while it is built, and read for answers.

A batch is one transaction: either all of it is there, with the job's checkpoint, or nothing. So an
attempt that goes on where the last one stopped writes nothing twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, LiteralString

import numpy as np
from psycopg import sql
from psycopg.types.json import Jsonb

from coco_core.bm25 import TermVector
from coco_core.chunk_columns import CHUNK_COLUMNS, from_columns, to_columns
from coco_core.errors import VersionConflict
from coco_core.types import Chunk, FloatVector
from coco_server.store import documents as documents_of
from coco_server.store import postings, segments, usage
from coco_server.store.session import TenantSession, loading
from coco_server.store.tables import Parts, by_key, in_version
from coco_server.store.usage import Quotas
from coco_server.store.vectors import PgVectors, VectorStore
from coco_server.store.versions import Version

__all__ = [
    "KEPT",
    "ChunkContent",
    "ChunkRow",
    "DocumentRow",
    "append",
    "chunk_of",
    "contents",
    "identifiers",
    "texts",
]


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """A document of a version."""

    doc_id: str
    content_hash: str
    chunk_count: int
    source_ref: str | None = None
    title: str | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)
    allow: tuple[str, ...] | None = None
    """Names of `coco_server.store.access` whom it is shown to; None: everybody in the project."""
    keeps_allow: bool = False
    """Whether, instead, those are shown it whom it is shown to now: see `documents.allowed_now`."""
    item_hash: str | None = None
    """See `item_hash`; None when it did not come whole."""


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """A chunk as it is written."""

    doc_id: str
    ordinal: int
    """Its place in the document, from 0."""
    chunk_id: str
    chunk: Chunk
    terms: TermVector
    vector: FloatVector | None
    """float32[d]; None when it was not embedded. It is normalised when it is written."""
    quality: float | None = None
    verified: bool | None = None
    tags: tuple[str, ...] = ()
    changed_at: float | None = None
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChunkContent:
    """What an answer shows of a chunk; its definitions have no lines, which are not kept."""

    chunk: Chunk
    chunk_id: str
    doc_id: str
    source_ref: str | None
    title: str | None
    ordinal: int
    quality: float | None
    verified: bool | None
    tags: list[str]


# An entry of a B-tree has at most 2,704 bytes, and a character at most four.
_MOST_NAME_CHARACTERS = 500

# One look-up for each chunk, whatever the planner thinks of the documents of all versions.
_CONTENTS: LiteralString = """
    SELECT chunk_key, content, {columns}, chunk_id, doc_id, source_ref, title, ordinal, quality,
        verified, tags
    FROM {source_chunks} AS c LEFT JOIN LATERAL (
        SELECT source_ref, title FROM documents
        WHERE version_no = c.version_no AND documents.doc_id = c.doc_id LIMIT 1
    ) AS document ON true
    WHERE chunk_key = ANY({keys})
"""

_TEXTS: LiteralString = (
    "SELECT chunk_key, content FROM {source_chunks} WHERE chunk_key = ANY({keys})"
)


def append(
    session: TenantSession,
    version: Version,
    documents: Sequence[DocumentRow],
    chunks: Sequence[ChunkRow],
    *,
    items: int = 0,
    quotas: Quotas | None = None,
    vectors: VectorStore | None = None,
) -> int:
    """Add a batch to a version; returns the key of its first chunk.

    Call it in one transaction with `jobs.queue.progress`. A document's chunks may come in several
    batches; its row comes with the first.

    Args:
        session: of the version's org.
        version: in BUILDING.
        documents: new documents.
        chunks: new chunks, in the order of their keys.
        items: items of the import that these come from.
        quotas: what the org may hold.
        vectors: where they are kept; without it beside the chunks.

    Raises:
        VersionConflict: the version is no longer built.
        QuotaExceeded: the org may not hold that much.
    """
    texts = [_storable(each.chunk.text) for each in chunks]
    embedded = sum(each.vector is not None for each in chunks)
    size = sum(map(len, texts)) + 4 * version.dimension * embedded
    first = _take_keys(session, version, chunks, (items, len(documents), embedded, size))
    _insert_documents(session, version, documents)
    with loading(session):
        _copy_chunks(session, version, first, chunks, texts)
        _copy_names(session, version, first, chunks)
        postings.add_batch(session, version.version_no, first, [each.terms for each in chunks])
    _add_vectors(session, version, first, chunks, vectors or PgVectors())
    # Last, for the org's other imports wait from here to the end of the transaction.
    more_documents, more_bytes = usage.consume(
        session, version.version_id, documents=len(documents), storage_bytes=size
    )
    usage.reserve(
        session,
        quotas or Quotas(),
        documents=more_documents,
        chunks=len(chunks),
        storage_bytes=more_bytes,
    )
    return first


def contents(
    session: TenantSession, version: Version, keys: Sequence[int]
) -> dict[int, ChunkContent]:
    """Return what answers show of the chunks with these keys, by key."""
    if not keys:
        return {}
    statement = _contents_statement(version.parts)
    found: dict[int, ChunkContent] = {}
    shares = segments.layout(session, version).shares(keys)
    for row in session.connection.execute(statement, shares):
        key, content, *values = row
        columns, known = values[: len(KEPT)], values[len(KEPT) :]
        found[key] = ChunkContent(chunk_of(columns, content), *known)
    return found


def texts(session: TenantSession, version: Version, keys: Sequence[int]) -> dict[int, str]:
    """Return the texts of the chunks with these keys, by key."""
    if not keys:
        return {}
    shares = segments.layout(session, version).shares(keys)
    statement = _texts_statement(version.parts)
    return dict(session.connection.execute(statement, shares, binary=True).fetchall())


# As many as there are versions that are asked again and again.
@lru_cache(maxsize=1_024)
def _contents_statement(parts: Parts) -> bytes:
    return by_key(_CONTENTS, parts, columns=identifiers(KEPT)).as_bytes(None)


@lru_cache(maxsize=1_024)
def _texts_statement(parts: Parts) -> bytes:
    return by_key(_TEXTS, parts).as_bytes(None)


def indexed_name(name: str) -> str:
    """Return a name as the index of the names that chunks define has it."""
    # Lower case may have more characters than the name, so it comes first.
    return name.lower()[:_MOST_NAME_CHARACTERS]


def _take_keys(
    session: TenantSession,
    version: Version,
    chunks: Sequence[ChunkRow],
    counts: tuple[int, int, int, int],
) -> int:
    """Count a batch (items, documents, vectors, bytes); returns the key of its first chunk."""
    lengths = np.array([chunk.terms.lengths for chunk in chunks], np.int64).reshape(-1, 3)
    row = session.connection.execute(
        "UPDATE project_versions SET item_count = item_count + %s, "
        "document_count = document_count + %s, embedded_count = embedded_count + %s, "
        "storage_bytes = storage_bytes + %s, chunk_count = chunk_count + %s, "
        "length_sums = ARRAY[length_sums[1] + %s, length_sums[2] + %s, length_sums[3] + %s] "
        "WHERE org_id = %s AND version_id = %s AND status = 'BUILDING' "
        "RETURNING version_no",
        (
            *counts,
            len(chunks),
            *lengths.sum(axis=0).tolist(),
            session.org_id,
            version.version_id,
        ),
    ).fetchone()
    if row is None:
        raise VersionConflict(f"The version {version.version_id!r} is not being built.")
    return segments.count(session, version, len(chunks), counts[1:], lengths.sum(axis=0))


def _insert_documents(
    session: TenantSession, version: Version, documents: Sequence[DocumentRow]
) -> None:
    if not documents:
        return
    kept = documents_of.allowed_now(
        session, version, [each.doc_id for each in documents if each.keeps_allow]
    )
    # This table is shared and has row-level security, with which COPY does not work.
    session.connection.execute(
        "INSERT INTO documents (org_id, project_id, version_no, doc_id, content_hash, "
        "chunk_count, source_ref, title, meta, item_hash, allow) SELECT %s, %s, %s, doc_id, "
        "content_hash, chunk_count, source_ref, title, meta::jsonb, item_hash, "
        # Lists of different lengths are no array; without one, there is no list.
        "CASE WHEN allow IS NOT NULL "
        "THEN ARRAY(SELECT jsonb_array_elements_text(allow::jsonb)) END "
        "FROM unnest(%s::text[], %s::text[], %s::int[], %s::text[], %s::text[], %s::text[], "
        "%s::text[], %s::text[]) AS added "
        "(doc_id, content_hash, chunk_count, source_ref, title, meta, item_hash, allow)",
        (
            version.org_id,
            version.project_id,
            version.version_no,
            [each.doc_id for each in documents],
            [each.content_hash for each in documents],
            [each.chunk_count for each in documents],
            [each.source_ref for each in documents],
            [each.title for each in documents],
            [json.dumps(dict(each.meta)) for each in documents],
            [each.item_hash for each in documents],
            [
                None if allow is None else json.dumps(allow)
                for allow in (
                    kept.get(each.doc_id) if each.keeps_allow else each.allow for each in documents
                )
            ],
        ),
    )


_COLUMNS = {
    "org_id": "text",
    "project_id": "text",
    "version_no": "int8",
    "config_id": "text",
    "chunk_key": "int4",
    "doc_id": "text",
    "ordinal": "int4",
    "chunk_id": "text",
    "kind": "text",
    "language": "text",
    "symbol": "text",
    "definitions": "text[]",
    "signature": "text",
    "heading_trail": "text[]",
    "fragment": "text",
    "start_line": "int4",
    "end_line": "int4",
    "token_count": "int4",
    "content": "text",
    "content_hash": "text",
    "quality": "float4",
    "verified": "bool",
    "tags": "text[]",
    "changed_at": "float8",
    "meta": "jsonb",
}

KEPT = tuple(name for name in CHUNK_COLUMNS if name in _COLUMNS)
"""Columns of the core's record; where in a document a chunk begins, bytes do not tell here."""


def identifiers(names: Iterable[str]) -> sql.Composed:
    """Return names as a list of columns."""
    return sql.SQL(", ").join(map(sql.Identifier, names))


def chunk_of(values: Sequence[Any], content: str) -> Chunk:
    """Read the values of `KEPT`; of definitions only the dotted paths are kept."""
    row = dict(zip(KEPT, values, strict=True))
    row["definitions"] = [(path, row["kind"], 0) for path in row["definitions"]]
    return from_columns(row, content)


def _copy_chunks(
    session: TenantSession,
    version: Version,
    first: int,
    chunks: Sequence[ChunkRow],
    texts: Sequence[bytes],
) -> None:
    if not chunks:
        return
    statement = in_version(
        "COPY {source_chunks} ({columns}) FROM STDIN (FORMAT BINARY)",
        version.version_no,
        columns=identifiers(_COLUMNS),
    )
    fixed = {
        "org_id": version.org_id,
        "project_id": version.project_id,
        "version_no": version.version_no,
        "config_id": version.config_id,
    }
    with session.connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(_COLUMNS.values()))
        for key, (each, text) in enumerate(zip(chunks, texts, strict=True), first):
            values = to_columns(each.chunk) | fixed
            values |= {
                "chunk_key": key,
                "doc_id": each.doc_id,
                "ordinal": each.ordinal,
                "chunk_id": each.chunk_id,
                "definitions": [definition.path for definition in each.chunk.definitions],
                "content": text.decode(),
                "quality": each.quality,
                "verified": each.verified,
                "tags": list(each.tags),
                "changed_at": each.changed_at,
                "meta": Jsonb(dict(each.meta)),
            }
            copy.write_row([values[name] for name in _COLUMNS])


def _copy_names(
    session: TenantSession, version: Version, first: int, chunks: Sequence[ChunkRow]
) -> None:
    defined = [
        (name, key)
        for key, each in enumerate(chunks, first)
        for name in {indexed_name(definition.name) for definition in each.chunk.definitions}
    ]
    statement = in_version(
        "COPY {chunk_names} (name, chunk_key) FROM STDIN (FORMAT BINARY)", version.version_no
    )
    with session.connection.cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(["text", "int4"])
        for pair in defined:
            copy.write_row(pair)


def _add_vectors(
    session: TenantSession,
    version: Version,
    first: int,
    chunks: Sequence[ChunkRow],
    store: VectorStore,
) -> None:
    keys = [key for key, chunk in enumerate(chunks, first) if chunk.vector is not None]
    if not keys:
        return
    matrix = np.stack([chunk.vector for chunk in chunks if chunk.vector is not None])
    # Inner products stand for cosines, whatever an import brings; a vector of zeros is like none.
    norms = np.linalg.norm(matrix, axis=1, keepdims=True)
    matrix = (matrix / np.maximum(norms, np.finfo(np.float32).tiny)).astype(np.float32)
    store.add(session, version, keys, matrix)


def _storable(text: str) -> bytes:
    """Return a text as UTF-8; what PostgreSQL cannot hold (NUL, lone surrogates) is replaced."""
    return text.encode("utf-8", "replace").replace(b"\0", "\ufffd".encode())
