"""Documents and their chunks in SQLite; what is written here is what exists."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select, update
from sqlalchemy import text as sql

from coco_core.bm25 import TermVector
from coco_core.types import Chunk, ChunkFacts, ChunkKind
from coco_local.store.database import Database
from coco_local.store.schema import chunks, documents

__all__ = [
    "ChunkPlace",
    "DocumentStore",
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
class PreparedDocument:
    """A file, read and chunked; nothing of it is written yet."""

    doc_id: str
    size: int
    mtime_ns: int
    content_hash: bytes
    language: str
    encoding: str
    chunks: tuple[PreparedChunk, ...]


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document as the database knows it."""

    key: int
    doc_id: str
    size: int
    mtime_ns: int
    content_hash: bytes
    language: str
    encoding: str
    stored: bool


@dataclass(frozen=True, slots=True)
class WrittenDocument:
    """The keys that a prepared document got."""

    document: StoredDocument
    chunk_keys: range


@dataclass(frozen=True, slots=True)
class ChunkPlace:
    """Where a chunk was when its file was indexed, and how to find it again."""

    key: int
    document_key: int
    chunk_id: str
    kind: str
    language: str
    symbol: str
    signature: str
    definitions: tuple[tuple[str, str, int], ...]
    """(dotted path, kind, line) of what begins in it."""
    heading_trail: tuple[str, ...]
    fragment: str
    start_line: int
    end_line: int
    start_byte: int
    end_byte: int
    token_count: int
    content_hash: str
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
        statement = select(
            documents.c.key,
            documents.c.doc_id,
            documents.c.size,
            documents.c.mtime_ns,
            documents.c.content_hash,
            documents.c.language,
            documents.c.encoding,
            documents.c.stored,
        ).where(documents.c.index_id == self._index_id)
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
                document_rows.append(self._document_row(key, document, now))
                chunk_rows += [
                    _chunk_row(chunk_key, key, prepared_chunk)
                    for chunk_key, prepared_chunk in enumerate(document.chunks, start=next_chunk)
                ]
                keys = range(next_chunk, next_chunk + len(document.chunks))
                next_chunk += len(document.chunks)
                written.append(WrittenDocument(_as_stored(key, document), keys))
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

    def facts(self) -> Iterator[tuple[int, ChunkFacts, bytes]]:
        """Yield (document key, facts, embed key) of every chunk, in document order."""
        statement = (
            select(
                chunks.c.key,
                chunks.c.document_key,
                documents.c.doc_id,
                chunks.c.kind,
                chunks.c.language,
                chunks.c.symbol,
                chunks.c.definitions,
                chunks.c.start_line,
                chunks.c.end_line,
                chunks.c.token_count,
                chunks.c.embed_key,
            )
            .join(documents, documents.c.key == chunks.c.document_key)
            .where(documents.c.index_id == self._index_id)
            .order_by(chunks.c.key)
        )
        names: dict[bytes, str] = {}
        with self._database.read() as connection:
            for row in connection.execute(statement):
                doc_id = names.get(row.doc_id)
                if doc_id is None:
                    doc_id = names[row.doc_id] = os.fsdecode(row.doc_id)
                paths = (
                    () if row.definitions == "[]" else [d[0] for d in json.loads(row.definitions)]
                )
                facts = ChunkFacts(
                    key=row.key,
                    doc_id=doc_id,
                    kind=ChunkKind(row.kind),
                    language=row.language,
                    symbol=row.symbol,
                    definitions=tuple(paths),
                    start_line=row.start_line,
                    end_line=row.end_line,
                    token_count=row.token_count,
                )
                yield row.document_key, facts, row.embed_key

    def places(self, keys: Collection[int]) -> dict[int, ChunkPlace]:
        """Return the places of chunks; keys that are gone are absent."""
        found: dict[int, ChunkPlace] = {}
        with self._database.read() as connection:
            for batch in _batches(list(keys), _BATCH):
                # Every query asks this: SQLAlchemy would take longer to build it than SQLite needs.
                marks = ",".join("?" * len(batch))
                statement = f"{_SELECT_PLACES} WHERE chunks.key IN ({marks})"
                for row in connection.exec_driver_sql(statement, tuple(batch)):
                    place = _place(row)
                    found[place.key] = place
        return found

    def document_places(self, doc_id: str) -> list[ChunkPlace]:
        """Return the places of a document's chunks, in order."""
        statement = (
            select(*_PLACE_COLUMNS)
            .join(documents, documents.c.key == chunks.c.document_key)
            .where(documents.c.index_id == self._index_id)
            .where(documents.c.doc_id == os.fsencode(doc_id))
            .order_by(chunks.c.key)
        )
        with self._database.read() as connection:
            return [_place(row) for row in connection.execute(statement)]

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

    def _document_row(self, key: int, document: PreparedDocument, now: float) -> dict[str, object]:
        return {
            "key": key,
            "index_id": self._index_id,
            "doc_id": os.fsencode(document.doc_id),
            "size": document.size,
            "mtime_ns": document.mtime_ns,
            "content_hash": document.content_hash,
            "language": document.language,
            "encoding": document.encoding,
            "chunk_count": len(document.chunks),
            "indexed_at": now,
            "stored": 0,
        }


_PLACE_COLUMNS = (
    chunks.c.key,
    chunks.c.document_key,
    chunks.c.chunk_id,
    chunks.c.kind,
    chunks.c.language,
    chunks.c.symbol,
    chunks.c.signature,
    chunks.c.definitions,
    chunks.c.heading_trail,
    chunks.c.fragment,
    chunks.c.start_line,
    chunks.c.end_line,
    chunks.c.start_byte,
    chunks.c.end_byte,
    chunks.c.token_count,
    chunks.c.content_hash,
    chunks.c.embed_key,
    chunks.c.fingerprint,
)
_SELECT_PLACES = str(select(*_PLACE_COLUMNS))
_DEFINITIONS, _TRAIL = (
    [column.name for column in _PLACE_COLUMNS].index(name)
    for name in ("definitions", "heading_trail")
)


def _batches(values: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(values), size):
        yield list(values[start : start + size])


def _last_key(connection: Connection, table: str) -> int:
    # sqlite_sequence remembers the largest key ever used, also of rows that are gone.
    statement = sql("SELECT seq FROM sqlite_sequence WHERE name = :table")
    return connection.execute(statement, {"table": table}).scalar() or 0


def _stored(row: Row[*tuple[Any, ...]]) -> StoredDocument:
    return StoredDocument(
        key=row.key,
        doc_id=os.fsdecode(row.doc_id),
        size=row.size,
        mtime_ns=row.mtime_ns,
        content_hash=row.content_hash,
        language=row.language,
        encoding=row.encoding,
        stored=bool(row.stored),
    )


def _as_stored(key: int, document: PreparedDocument) -> StoredDocument:
    return StoredDocument(
        key=key,
        doc_id=document.doc_id,
        size=document.size,
        mtime_ns=document.mtime_ns,
        content_hash=document.content_hash,
        language=document.language,
        encoding=document.encoding,
        stored=False,
    )


def _chunk_row(key: int, document_key: int, prepared: PreparedChunk) -> dict[str, object]:
    chunk = prepared.chunk
    found = [[d.path, d.kind.value, d.line] for d in chunk.definitions]
    return {
        "key": key,
        "document_key": document_key,
        "chunk_id": prepared.chunk_id,
        "kind": chunk.kind.value,
        "language": chunk.language,
        "symbol": chunk.symbol,
        "signature": chunk.signature,
        "definitions": json.dumps(found) if found else "[]",
        "heading_trail": json.dumps(chunk.heading_trail) if chunk.heading_trail else "[]",
        "fragment": chunk.fragment,
        "start_line": chunk.span.start_line,
        "end_line": chunk.span.end_line,
        "start_byte": chunk.span.start_byte,
        "end_byte": chunk.span.end_byte,
        "token_count": chunk.token_count,
        "content_hash": chunk.content_hash,
        "embed_key": prepared.embed_key,
        "fingerprint": prepared.fingerprint,
    }


def _place(row: Row[*tuple[Any, ...]]) -> ChunkPlace:
    """Read the columns of `_PLACE_COLUMNS`, which are the fields of a `ChunkPlace` in order."""
    values: list[Any] = list(row)
    trail, found = values[_TRAIL], values[_DEFINITIONS]
    values[_TRAIL] = () if trail == "[]" else tuple(json.loads(trail))
    values[_DEFINITIONS] = () if found == "[]" else tuple(map(tuple, json.loads(found)))
    return ChunkPlace(*values)
