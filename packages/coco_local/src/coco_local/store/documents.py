"""Documents and chunks in SQLite, the record of what exists."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy import text as sql

from coco_core.bm25 import TermVector
from coco_core.chunk_columns import CHUNK_COLUMNS, LIST_COLUMNS, from_columns, to_columns
from coco_core.types import Chunk, ChunkKind, ChunkMetadata
from coco_local.store.database import Database
from coco_local.store.schema import chunks, documents

__all__ = [
    "DocumentRecord",
    "DocumentStore",
    "IndexedChunk",
    "PreparedChunk",
    "PreparedDocument",
    "StoredDocument",
    "WrittenDocument",
]

T = TypeVar("T")

# Bound values of one statement; far below SQLite's limit, and one cached statement for most calls.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """A chunk with all that the stores need."""

    chunk: Chunk
    chunk_id: str
    embed_key: bytes
    fingerprint: bytes
    terms: TermVector


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A file as it was when it was read."""

    doc_id: str
    size: int
    mtime_ns: int
    content_hash: bytes
    language: str
    encoding: str


@dataclass(frozen=True, slots=True)
class PreparedDocument(DocumentRecord):
    """A file, read and chunked; nothing of it is written yet."""

    chunks: tuple[PreparedChunk, ...]


@dataclass(frozen=True, slots=True)
class StoredDocument(DocumentRecord):
    """A document as the database knows it."""

    key: int
    stored: bool


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """The keys that a prepared document got."""

    document: StoredDocument
    chunk_keys: range


@dataclass(frozen=True, slots=True)
class IndexedChunk:
    """A chunk as the index keeps it: without its text, with what finds that again on disk."""

    key: int
    document_key: int
    chunk_id: str
    chunk: Chunk
    embed_key: bytes
    fingerprint: bytes


class DocumentStore:
    """Documents and chunks of one index (a project under an indexing config)."""

    def __init__(self, database: Database, index_id: str) -> None:
        self._database = database
        self._index_id = index_id

    @staticmethod
    def index_ids(database: Database) -> set[str]:
        """Return the ids of all indexes that have documents."""
        with database.read() as connection:
            return set(connection.execute(select(documents.c.index_id).distinct()).scalars())

    def documents(self) -> list[StoredDocument]:
        """Return every document."""
        statement = select(*_DOCUMENT_COLUMNS).where(documents.c.index_id == self._index_id)
        with self._database.read() as connection:
            return [_stored(row) for row in connection.execute(statement)]

    def replace(self, prepared: Sequence[PreparedDocument]) -> list[WrittenDocument]:
        """Write documents with all their chunks in one transaction; older ones of the name go."""
        written: list[WrittenDocument] = []
        document_rows: list[dict[str, object]] = []
        chunk_rows: list[dict[str, object]] = []
        now = time.time()
        with self._database.write() as connection:
            self._delete(connection, [document.doc_id for document in prepared])
            next_document = _last_key(connection, "documents") + 1
            next_chunk = _last_key(connection, "chunks") + 1
            for key, document in enumerate(prepared, start=next_document):
                stored = _as_stored(key, document)
                document_rows.append(
                    {
                        **_values(stored),
                        "doc_id": os.fsencode(document.doc_id),
                        "index_id": self._index_id,
                        "chunk_count": len(document.chunks),
                        "indexed_at": now,
                    }
                )
                chunk_rows += [
                    _chunk_row(chunk_key, key, prepared_chunk)
                    for chunk_key, prepared_chunk in enumerate(document.chunks, start=next_chunk)
                ]
                keys = range(next_chunk, next_chunk + len(document.chunks))
                next_chunk += len(document.chunks)
                written.append(WrittenDocument(stored, keys))
            if document_rows:
                connection.execute(insert(documents), document_rows)
            if chunk_rows:
                connection.execute(insert(chunks), chunk_rows)
        return written

    def delete(self, doc_ids: Sequence[str]) -> None:
        """Remove documents and their chunks."""
        with self._database.write() as connection:
            self._delete(connection, doc_ids)

    def delete_all(self) -> None:
        """Remove the whole index."""
        with self._database.write() as connection:
            connection.execute(delete(documents).where(documents.c.index_id == self._index_id))

    def touch(self, touched: Iterable[tuple[str, int, int]]) -> None:
        """Note new (doc_id, size, mtime_ns) of documents whose content is the same."""
        rows = [
            {"b_doc": os.fsencode(doc_id), "b_size": size, "b_mtime": mtime_ns}
            for doc_id, size, mtime_ns in touched
        ]
        if not rows:
            return
        statement = (
            update(documents)
            .where(documents.c.index_id == self._index_id)
            .where(documents.c.doc_id == bindparam("b_doc"))
            .values(size=bindparam("b_size"), mtime_ns=bindparam("b_mtime"))
        )
        with self._database.write() as connection:
            connection.execute(statement, rows)

    def mark_stored(self, document_keys: Sequence[int], *, stored: bool) -> None:
        """Note whether the terms of documents are in LanceDB."""
        with self._database.write() as connection:
            for batch in _batches(document_keys, _BATCH):
                connection.execute(
                    update(documents).where(documents.c.key.in_(batch)).values(stored=int(stored))
                )

    def metadata(self) -> Iterator[tuple[int, ChunkMetadata, bytes]]:
        """Yield (document key, metadata, embed key) of every chunk, in document order."""
        statement = (
            select(
                chunks.c.document_key,
                chunks.c.embed_key,
                documents.c.doc_id,
                *(chunks.c[name] for name in _METADATA_COLUMNS),
            )
            .join(documents, documents.c.key == chunks.c.document_key)
            .where(documents.c.index_id == self._index_id)
            .order_by(chunks.c.key)
        )
        names: dict[bytes, str] = {}
        with self._database.read() as connection:
            for document_key, embed_key, name, *values in connection.execute(statement):
                doc_id = names.get(name)
                if doc_id is None:
                    doc_id = names[name] = os.fsdecode(name)
                known = dict(zip(_METADATA_COLUMNS, values, strict=True))
                known["kind"] = ChunkKind(known["kind"])
                begun = () if known["definitions"] == "[]" else json.loads(known["definitions"])
                known["definitions"] = tuple([path for path, *_ in begun])
                yield document_key, ChunkMetadata(doc_id=doc_id, **known), embed_key

    def chunks(self, keys: Collection[int]) -> dict[int, IndexedChunk]:
        """Return chunks by key; those that are gone are absent."""
        found: dict[int, IndexedChunk] = {}
        with self._database.read() as connection:
            for batch in _batches(list(keys), _BATCH):
                # Every query asks this: SQLAlchemy would take longer to build it than SQLite needs.
                marks = ",".join("?" * len(batch))
                statement = f"{_SELECT_CHUNKS} WHERE chunks.key IN ({marks})"
                for row in connection.exec_driver_sql(statement, tuple(batch)):
                    found[row[0]] = _indexed_chunk(row)
        return found

    def document_chunks(self, doc_id: str) -> list[IndexedChunk]:
        """Return a document's chunks, in order."""
        statement = (
            select(*_CHUNK_COLUMNS)
            .join(documents, documents.c.key == chunks.c.document_key)
            .where(documents.c.index_id == self._index_id)
            .where(documents.c.doc_id == os.fsencode(doc_id))
            .order_by(chunks.c.key)
        )
        with self._database.read() as connection:
            return [_indexed_chunk(row) for row in connection.execute(statement)]

    def embed_keys(self) -> set[bytes]:
        """Return the embedding keys that the index uses."""
        statement = (
            select(chunks.c.embed_key)
            .join(documents, documents.c.key == chunks.c.document_key)
            .where(documents.c.index_id == self._index_id)
        )
        with self._database.read() as connection:
            return set(connection.execute(statement).scalars())

    def count(self) -> int:
        """Return the number of documents."""
        statement = select(func.count()).where(documents.c.index_id == self._index_id)
        with self._database.read() as connection:
            return connection.execute(statement).scalar_one()

    def _delete(self, connection: Connection, doc_ids: Sequence[str]) -> None:
        for batch in _batches(doc_ids, _BATCH):
            names = [os.fsencode(doc_id) for doc_id in batch]
            connection.execute(
                delete(documents).where(
                    documents.c.index_id == self._index_id, documents.c.doc_id.in_(names)
                )
            )


_DOCUMENT_COLUMNS = tuple(documents.c[field.name] for field in fields(StoredDocument))
_METADATA_COLUMNS = tuple(field.name for field in fields(ChunkMetadata) if field.name != "doc_id")
_CHUNK_COLUMNS = tuple(
    chunks.c[name]
    for name in ("key", "document_key", "chunk_id", "embed_key", "fingerprint", *CHUNK_COLUMNS)
)
_SELECT_CHUNKS = str(select(*_CHUNK_COLUMNS))


def _batches(values: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def _last_key(connection: Connection, table: str) -> int:
    # sqlite_sequence remembers the largest key ever used, also of rows that are gone.
    statement = sql("SELECT seq FROM sqlite_sequence WHERE name = :table")
    return connection.execute(statement, {"table": table}).scalar() or 0


def _stored(row: Row[*tuple[Any, ...]]) -> StoredDocument:
    """Read the columns of `_DOCUMENT_COLUMNS`."""
    values = dict(row._mapping)
    values["doc_id"] = os.fsdecode(values["doc_id"])
    values["stored"] = bool(values["stored"])
    return StoredDocument(**values)


def _as_stored(key: int, document: PreparedDocument) -> StoredDocument:
    values = _values(document)
    del values["chunks"]
    return StoredDocument(**values, key=key, stored=False)


def _values(document: DocumentRecord) -> dict[str, Any]:
    return {field.name: getattr(document, field.name) for field in fields(document)}


def _chunk_row(key: int, document_key: int, prepared: PreparedChunk) -> dict[str, object]:
    columns = to_columns(prepared.chunk)
    for name in LIST_COLUMNS:
        columns[name] = json.dumps(columns[name])
    return {
        "key": key,
        "document_key": document_key,
        "chunk_id": prepared.chunk_id,
        "embed_key": prepared.embed_key,
        "fingerprint": prepared.fingerprint,
        **columns,
    }


def _indexed_chunk(row: Row[*tuple[Any, ...]]) -> IndexedChunk:
    """Read the columns of `_CHUNK_COLUMNS`."""
    key, document_key, chunk_id, embed_key, fingerprint, *values = row
    columns = dict(zip(CHUNK_COLUMNS, values, strict=True))
    for name in LIST_COLUMNS:
        columns[name] = () if columns[name] == "[]" else json.loads(columns[name])
    return IndexedChunk(key, document_key, chunk_id, from_columns(columns), embed_key, fingerprint)
