"""Index of one project under one config: writes SQLite, memory, and LanceDB in order.

Order of a write: SQLite first (it says what exists), memory in the same breath (it answers),
LanceDB later and in batches. A crash in between leaves documents marked as not stored; `load` drops
them, and the next scan finds them on disk.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import structlog

from coco_core.bm25 import TermVector
from coco_core.configs import IndexingConfig
from coco_core.types import ChunkMetadata, FloatMatrix
from coco_embed.memory import release_freed_memory
from coco_local.index.checkpoint import read_checkpoint, write_checkpoint
from coco_local.index.memory import DocumentEntry, MemoryIndex
from coco_local.store.database import Database
from coco_local.store.documents import (
    DocumentStore,
    PreparedDocument,
    StoredDocument,
    WrittenDocument,
)
from coco_local.store.failure import store_failure
from coco_local.store.lance import LanceStats, LanceStore

__all__ = ["ProjectIndex"]

log = structlog.get_logger(__name__)

# Deleted rows cost memory and scan time; a rebuild of the arrays pays off when they are a third.
_TOMBSTONE_SHARE = 1 / 3
_TOMBSTONE_MINIMUM = 2_000

# Segments of the inverted index; each costs some microseconds for each term of a query.
_MOST_SEGMENTS = 8

# Writes after which a new checkpoint is worth it, while the daemon runs: a daemon that is killed
# before loads the tables, a second or two later. At the stop a checkpoint is always written.
_CHECKPOINT_MINIMUM = 2_000
_CHECKPOINT_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class _Unflushed:
    """Terms that LanceDB does not have yet."""

    keys: range
    terms: tuple[TermVector, ...]


class ProjectIndex:
    """Documents, chunks, terms and vectors of one project under one config."""

    def __init__(
        self,
        index_id: str,
        config: IndexingConfig,
        database: Database,
        vectors: Path,
        dimension: int,
    ) -> None:
        self.index_id = index_id
        self.config = config
        self.store = DocumentStore(database, index_id)
        self.memory = MemoryIndex(dimension)
        self._directory = vectors / index_id
        self._dimension = dimension
        self._lance: LanceStore | None = None
        self._lance_stats: LanceStats | None = None
        # Rows that LanceDB was given since the checkpoint was written.
        self._changed_rows = 0
        # Guards the order of writes to SQLite and memory; held for a few milliseconds at a time.
        self._write_lock = threading.Lock()
        self._flush_lock = threading.Lock()
        self._sequences = itertools.count(1)
        self._last_applied: dict[str, int] = {}
        self._unflushed: dict[int, _Unflushed] = {}
        self._unflushed_vectors: list[int] = []
        self._tombstones: list[int] = []
        # The last flush failed somewhere: what waits may stand in LanceDB already.
        self._half_flushed = False

    # --- opening -------------------------------------------------------------------------------

    def load(self) -> None:
        """Fill memory from the stores; documents that are not whole are dropped."""
        documents = {document.key: document for document in self.store.documents()}
        if not documents:
            self._forget_lance_rows()
            return
        if not self._load_checkpoint(documents):
            self._load_tables(documents)

    def _load_checkpoint(self, documents: Mapping[int, StoredDocument]) -> bool:
        """Take the memory of the last stop, if LanceDB is as it was then."""
        checkpoint = read_checkpoint(self._directory, self._lance_state())
        if checkpoint is None:
            return False
        before = checkpoint.arrays["keys"][checkpoint.arrays["live"]].tolist()
        stored = {key: document for key, document in documents.items() if document.stored}
        try:
            self.memory = MemoryIndex.from_checkpoint(self._dimension, checkpoint, stored)
            self._lance_stats = LanceStats(**checkpoint.texts["lance"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            log.warning("checkpoint_ignored", path=str(self._directory), reason=str(error))
            return False
        self._tombstones = [key for key in before if self.memory.row_of(key) is None]
        whole = {entry.document.key for entry in self.memory.documents.values()}
        self.store.delete([documents[key].doc_id for key in documents.keys() - whole])
        return True

    def _load_tables(self, documents: Mapping[int, StoredDocument]) -> None:
        self._changed_rows = len(documents)
        table, vectors = self._open_lance().load()
        known = set(table.keys.tolist())
        chunks: dict[int, list[tuple[ChunkMetadata, bytes]]] = {key: [] for key in documents}
        for document_key, chunk, embed_key in self.store.metadata():
            chunks[document_key].append((chunk, embed_key))
        whole = [
            key
            for key, document in documents.items()
            if document.stored and all(chunk.key in known for chunk, _ in chunks[key])
        ]
        self.memory.load(
            (
                (documents[key], [c for c, _ in chunks[key]], [e for _, e in chunks[key]])
                for key in whole
            ),
            table,
        )
        live = {chunk.key for key in whole for chunk, _ in chunks[key]}
        self.memory.set_vectors(vectors.keys.tolist(), vectors.vectors.astype(np.float32))
        self._tombstones = list((known | set(vectors.keys.tolist())) - live)
        self.store.delete([documents[key].doc_id for key in documents.keys() - set(whole)])

    def _forget_lance_rows(self) -> None:
        """An empty database beside old LanceDB files means that their rows are orphans."""
        if self._directory.exists():
            table, vectors = self._open_lance().load()
            self._tombstones = [*table.keys.tolist(), *vectors.keys.tolist()]

    def _open_lance(self) -> LanceStore:
        if self._lance is None:
            try:
                self._lance = LanceStore(self._directory, self._dimension)
            except OSError as error:
                raise store_failure(error, self._directory) or error from error
        return self._lance

    # --- writing -------------------------------------------------------------------------------

    def next_sequence(self) -> int:
        """Take before reading a file: of two writes of one document, the higher number wins."""
        return next(self._sequences)

    def apply(self, prepared: Sequence[tuple[int, PreparedDocument]]) -> list[StoredDocument]:
        """Replace documents by what was read under the given numbers; older reads are ignored."""
        with self._write_lock:
            fresh = [
                (sequence, document)
                for sequence, document in prepared
                if self._last_applied.get(document.doc_id, 0) < sequence
            ]
            written = self.store.replace([document for _, document in fresh])
            for (sequence, document), result in zip(fresh, written, strict=True):
                self._last_applied[document.doc_id] = sequence
                self._replace_in_memory(document, result)
        return [result.document for result in written]

    def _replace_in_memory(self, prepared: PreparedDocument, written: WrittenDocument) -> None:
        self._forget_entry(self.memory.documents.get(prepared.doc_id))
        terms = tuple(chunk.terms for chunk in prepared.chunks)
        self.memory.replace(
            written.document,
            [
                ChunkMetadata.of(key, prepared.doc_id, each.chunk)
                for key, each in zip(written.chunk_keys, prepared.chunks, strict=True)
            ],
            [chunk.embed_key for chunk in prepared.chunks],
            terms,
        )
        self._unflushed[written.document.key] = _Unflushed(written.chunk_keys, terms)

    def touch(self, sequence: int, doc_id: str, size: int, mtime_ns: int) -> None:
        """Record that a file has another time stamp but the same content."""
        with self._write_lock:
            entry = self.memory.documents.get(doc_id)
            if entry is None or self._last_applied.get(doc_id, 0) > sequence:
                return
            self.store.touch([(doc_id, size, mtime_ns)])
            self.memory.update_document(replace(entry.document, size=size, mtime_ns=mtime_ns))

    def remove(self, sequence: int, doc_ids: Sequence[str]) -> list[str]:
        """Remove documents; returns those that existed."""
        with self._write_lock:
            gone = [
                doc_id
                for doc_id in doc_ids
                if doc_id in self.memory.documents and self._last_applied.get(doc_id, 0) < sequence
            ]
            if gone:
                self.store.delete(gone)
            for doc_id in gone:
                self._last_applied[doc_id] = sequence
                self._forget_entry(self.memory.remove(doc_id))
        return gone

    def _forget_entry(self, entry: DocumentEntry | None) -> None:
        if entry is None:
            return
        if self._unflushed.pop(entry.document.key, None) is None:
            self._tombstones += [self.memory.metadata.key(row) for row in entry.rows]

    def clear(self) -> None:
        """Forget every document."""
        self.remove(self.next_sequence(), list(self.memory.documents))
        self.flush()

    def set_vectors(self, keys: Sequence[int], vectors: FloatMatrix) -> None:
        """Give chunks their vectors; chunks that are gone meanwhile are skipped."""
        with self._write_lock:
            self._unflushed_vectors += self.memory.set_vectors(keys, vectors)

    def set_static_vectors(self, keys: Sequence[int], vectors: FloatMatrix) -> None:
        """Give chunks without a vector one of the static table; it lives in memory only."""
        with self._write_lock:
            self.memory.set_static_vectors(keys, vectors)

    # --- flushing ------------------------------------------------------------------------------

    @property
    def unflushed(self) -> int:
        """Rows that LanceDB does not have, or must drop."""
        waiting = sum(len(item.keys) for item in self._unflushed.values())
        return waiting + len(self._unflushed_vectors) + len(self._tombstones)

    def flush(self, *, tidy: bool = True) -> None:
        """Write what is new to LanceDB; ``tidy`` also keeps its files and deleted rows few.

        Raises:
            StoreBroken: it cannot be written; all of it waits for the next flush.
        """
        with self._flush_lock:
            with self._write_lock:
                new, self._unflushed = self._unflushed, {}
                tombstones, self._tombstones = self._tombstones, []
                vector_keys, self._unflushed_vectors = self._unflushed_vectors, []
                rows = [(key, self.memory.row_of(key)) for key in vector_keys]
                live = [(key, row) for key, row in rows if row is not None]
                vectors = self.memory.matrix.take(np.array([row for _, row in live], np.int64))
            try:
                self._write(new, tombstones, [key for key, _ in live], vectors)
                if tidy:
                    self._open_lance().compact()
            except Exception as error:
                self._take_back(new, tombstones, vector_keys)
                raise store_failure(error, self._directory) or error from error
        if tidy:
            self._tidy_memory()

    def _write(
        self,
        new: Mapping[int, _Unflushed],
        tombstones: Sequence[int],
        vector_keys: Sequence[int],
        vectors: FloatMatrix,
    ) -> None:
        lance = self._open_lance()
        self._changed_rows += len(new) + len(tombstones) + len(vector_keys)
        keys = [key for item in new.values() for key in item.keys]
        lance.delete(tombstones)
        if self._half_flushed:
            lance.delete(keys)
            lance.delete_vectors(vector_keys)
        lance.add_terms(keys, [terms for item in new.values() for terms in item.terms])
        lance.add_vectors(vector_keys, vectors)
        # A document that was replaced meanwhile has another key: marking the old one is void.
        self.store.mark_stored(list(new), stored=True)
        self._half_flushed = False

    def _take_back(
        self, new: Mapping[int, _Unflushed], tombstones: Sequence[int], vector_keys: Sequence[int]
    ) -> None:
        """Let everything of a flush that failed wait for the next one."""
        with self._write_lock:
            live = {entry.document.key for entry in self.memory.documents.values()}
            self._unflushed |= {key: item for key, item in new.items() if key in live}
            gone = [
                key for document, item in new.items() if document not in live for key in item.keys
            ]
            self._tombstones += [*tombstones, *gone]
            self._unflushed_vectors += vector_keys
            self._half_flushed = True

    def close(self) -> None:
        """Flush what waits, unless LanceDB was not needed so far.

        Loading the library takes longer than reading a few seconds' worth of files again.
        """
        if self._lance is not None and self.unflushed:
            self.flush(tidy=False)
        if self._changed_rows:
            self.save_checkpoint()

    @property
    def needs_checkpoint(self) -> bool:
        """So much was written since the last checkpoint that a new one is worth its bytes."""
        return (
            self._changed_rows > _CHECKPOINT_MINIMUM + _CHECKPOINT_SHARE * self.memory.chunk_count
        )

    def save_checkpoint(self) -> None:
        """Write the memory to a file from which the next start takes it, if all is flushed."""
        with self._flush_lock:
            with self._write_lock:
                if self.unflushed or self._half_flushed:
                    return
                checkpoint = self.memory.checkpoint()
            stats = asdict(self._open_lance().stats())
            checkpoint = replace(checkpoint, texts={**checkpoint.texts, "lance": stats})
            try:
                write_checkpoint(self._directory, checkpoint, self._lance_state())
            except OSError as error:
                # The next start reads the tables instead.
                log.warning("checkpoint_not_saved", path=str(self._directory), reason=str(error))
            self._changed_rows = 0
        release_freed_memory()

    def _lance_state(self) -> dict[str, object]:
        return {"dimension": self._dimension, "files": LanceStore.state_of(self._directory)}

    def _tidy_memory(self) -> None:
        if self.memory.postings.segments() > _MOST_SEGMENTS:
            self.memory.compact_postings()
        tombstones = self.memory.tombstones
        share = tombstones / max(1, tombstones + self.memory.chunk_count)
        if tombstones > _TOMBSTONE_MINIMUM and share > _TOMBSTONE_SHARE:
            with self._write_lock:
                self.memory = self.memory.compacted()

    def lance_stats(self) -> LanceStats | None:
        """Return size and health of LanceDB's tables, if they are known."""
        return self._lance.stats() if self._lance is not None else self._lance_stats

    def embed_keys(self) -> Iterable[bytes]:
        """Yield the embedding keys in use."""
        for entry in list(self.memory.documents.values()):
            yield from entry.embed_keys
