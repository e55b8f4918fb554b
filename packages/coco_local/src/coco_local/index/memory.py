"""In-memory index: LanceDB's rows, and those that are not flushed yet.

Rows are only ever appended; a document is replaced by appending its new rows and marking the old
ones as deleted in the same step, so that a reader sees the one version or the other and never half
of a file. `compacted` builds a new index without the deleted rows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coco_core.bm25 import FIELDS, CorpusStats, TermVector
from coco_core.file_names import file_name
from coco_core.types import ChunkMetadata, FloatMatrix
from coco_local.index.checkpoint import Checkpoint
from coco_local.index.matrix import VectorMatrix
from coco_local.index.metadata_table import MetadataTable
from coco_local.index.postings import Postings, Segment, segment_of
from coco_local.store.documents import StoredDocument
from coco_local.store.embeddings import EMBED_KEY_BYTES
from coco_local.store.lance import TermTable

__all__ = ["DocumentEntry", "MemoryIndex", "Snapshot"]

_FIRST_CAPACITY = 1024


@dataclass(frozen=True, slots=True)
class DocumentEntry:
    """A document and the rows of its chunks."""

    document: StoredDocument
    rows: range
    embed_keys: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What one query sees, whatever is written meanwhile."""

    rows: int
    live: NDArray[np.bool_]
    """bool[rows]"""
    lengths: NDArray[np.float32]
    """float32[rows, fields]"""
    document_of: NDArray[np.int32]
    """int32[rows]: the document's number"""
    known: NDArray[np.bool_]
    """bool[rows]: has the model's vector"""
    static: NDArray[np.bool_]
    """bool[rows]: has a vector of the static table, and none of the model yet"""
    stats: CorpusStats


class MemoryIndex:
    """Rows, postings and vectors of one index."""

    def __init__(self, dimension: int) -> None:
        self._lock = threading.Lock()
        self.postings = Postings()
        self.matrix = VectorMatrix(dimension)
        self.documents: dict[str, DocumentEntry] = {}
        self.document_ids: list[str] = []
        self.metadata = MetadataTable(self.document_ids)
        self._document_numbers: dict[str, int] = {}
        self._by_name: dict[str, list[str]] = {}
        self._row_of: dict[int, int] = {}
        self._definitions: dict[str, list[int]] = {}
        self._live = np.zeros(0, np.bool_)
        self._lengths = np.zeros((0, len(FIELDS)), np.float32)
        self._document_of = np.zeros(0, np.int32)
        self._length_sums = np.zeros(len(FIELDS), np.float64)
        self._live_count = 0
        self._embedded_count = 0

    # --- writing -------------------------------------------------------------------------------

    def replace(
        self,
        document: StoredDocument,
        chunks: Sequence[ChunkMetadata],
        embed_keys: Sequence[bytes],
        terms: Sequence[TermVector],
    ) -> None:
        """Put a document in the place of the one with the same id, if there is one."""
        lengths = np.array([term.lengths for term in terms], np.float32).reshape(-1, len(FIELDS))
        with self._lock:
            rows = self._append(document.doc_id, chunks, lengths)
            self.postings.add(rows, terms)
            entry = self.documents.get(document.doc_id)
            if entry is not None:
                self._mark_deleted(entry.rows)
            self._mark_live(rows)
            self.documents[document.doc_id] = DocumentEntry(document, rows, tuple(embed_keys))

    def load(
        self,
        documents: Iterable[tuple[StoredDocument, Sequence[ChunkMetadata], Sequence[bytes]]],
        table: TermTable,
    ) -> None:
        """Fill an empty index from the stores; every chunk must have its row in ``table``."""
        place = {int(key): i for i, key in enumerate(table.keys)}
        order: list[int] = []
        with self._lock:
            for document, chunks, embed_keys in documents:
                picked = [place[chunk.key] for chunk in chunks]
                order += picked
                rows = self._append(document.doc_id, chunks, table.lengths[picked])
                self._mark_live(rows)
                self.documents[document.doc_id] = DocumentEntry(document, rows, tuple(embed_keys))
            self.postings.add_segment(segment_of(table, np.array(order, np.int64)))

    def update_document(self, document: StoredDocument) -> None:
        """Note a new state of the file itself; its chunks stay."""
        with self._lock:
            entry = self.documents.get(document.doc_id)
            if entry is not None:
                self.documents[document.doc_id] = DocumentEntry(
                    document, entry.rows, entry.embed_keys
                )

    def remove(self, doc_id: str) -> DocumentEntry | None:
        """Remove a document; returns what it was."""
        with self._lock:
            entry = self.documents.pop(doc_id, None)
            if entry is not None:
                self._mark_deleted(entry.rows)
            return entry

    def encodings(self) -> dict[str, str]:
        """Return the encoding of each document, by doc id."""
        return {name: entry.document.encoding for name, entry in dict(self.documents).items()}

    def set_vectors(self, keys: Sequence[int], vectors: FloatMatrix) -> list[int]:
        """Give chunks their vectors, float32[n, d]; returns the keys that still existed."""
        with self._lock:
            pairs = [
                (key, row, i)
                for i, key in enumerate(keys)
                if (row := self._row_of.get(key)) is not None and self._live[row]
            ]
            if not pairs:
                return []
            rows = np.array([row for _, row, _ in pairs], np.int64)
            # A document can be in one batch twice: its chunks count once.
            fresh = np.unique(rows[~self.matrix.known(len(self.metadata))[rows]])
            self.matrix.set(rows, vectors[[i for _, _, i in pairs]])
            self._embedded_count += len(fresh)
            return list(dict.fromkeys(key for key, _, _ in pairs))

    def set_static_vectors(self, keys: Sequence[int], vectors: FloatMatrix) -> None:
        """Give chunks that have no vector yet one of the static table, float32[n, d]."""
        with self._lock:
            known = self.matrix.known(len(self.metadata))
            pairs = [
                (row, i)
                for i, key in enumerate(keys)
                if (row := self._row_of.get(key)) is not None and not known[row]
            ]
            rows = np.array([row for row, _ in pairs], np.int64)
            self.matrix.set_static(rows, vectors[[i for _, i in pairs]])

    def compact_postings(self) -> None:
        """Merge the segments of the inverted index."""
        with self._lock:
            live = self._live[: len(self.metadata)].copy()
        self.postings.compact(live)

    # --- as one file ---------------------------------------------------------------------------

    def checkpoint(self) -> Checkpoint:
        """Return a copy of everything, for the next start."""
        with self._lock:
            rows = len(self.metadata)
            metadata = self.metadata.checkpoint()
            entries = list(self.documents.values())
            arrays: dict[str, NDArray[Any]] = {
                "live": self._live[:rows].copy(),
                "lengths": self._lengths[:rows].copy(),
                "documents": np.array(
                    [(e.document.key, e.rows.start, e.rows.stop) for e in entries], np.int64
                ).reshape(-1, 3),
                "embed_keys": np.frombuffer(
                    b"".join(key for entry in entries for key in entry.embed_keys), np.uint8
                ),
                **metadata.arrays,
                **self.matrix.to_arrays(rows),
            }
            texts = {
                **metadata.texts,
                "document_ids": list(self.document_ids),
                "defining": {name: list(found) for name, found in self._definitions.items()},
            }
        return Checkpoint(arrays | self.postings.to_arrays(), texts)

    @classmethod
    def from_checkpoint(
        cls, dimension: int, checkpoint: Checkpoint, documents: Mapping[int, StoredDocument]
    ) -> MemoryIndex:
        """Return the index that gave it, without what is not among ``documents``, by key.

        Raises:
            ValueError, KeyError, TypeError, IndexError: the checkpoint is damaged.
        """
        arrays, texts = checkpoint.arrays, checkpoint.texts
        index = cls(dimension)
        index.document_ids += texts["document_ids"]
        index.metadata.restore(checkpoint)
        index._document_numbers = {name: i for i, name in enumerate(index.document_ids)}
        for name in index.document_ids:
            index._by_name.setdefault(file_name(name), []).append(name)
        index._definitions = texts["defining"]
        index._live = arrays["live"]
        index._lengths = arrays["lengths"]
        index._document_of = arrays["places"][0].copy()
        index._row_of = {
            key: row
            for row, (key, live) in enumerate(
                zip(arrays["keys"].tolist(), index._live.tolist(), strict=True)
            )
            if live
        }
        index.postings.load_arrays(arrays)
        index.matrix.load_arrays(arrays)
        index._length_sums = index._lengths[index._live].sum(axis=0, dtype=np.float64)
        index._live_count = len(index._row_of)
        index._embedded_count = int((arrays["known"] & index._live).sum())
        index._restore_entries(arrays["documents"], arrays["embed_keys"].tobytes(), documents)
        return index

    def _restore_entries(
        self,
        places: NDArray[np.int64],
        embed_keys: bytes,
        documents: Mapping[int, StoredDocument],
    ) -> None:
        taken = 0
        for key, start, stop in places.tolist():
            rows = range(start, stop)
            ends = range(taken, taken + len(rows) * EMBED_KEY_BYTES, EMBED_KEY_BYTES)
            taken = ends.stop
            document = documents.get(key)
            if document is None:
                self._mark_deleted(rows)
                continue
            keys = tuple(embed_keys[end : end + EMBED_KEY_BYTES] for end in ends)
            self.documents[document.doc_id] = DocumentEntry(document, rows, keys)
        if taken != len(embed_keys):
            raise ValueError("its embedding keys do not belong to its rows")

    # --- reading -------------------------------------------------------------------------------

    def snapshot(self) -> Snapshot:
        """Return what a query needs, consistent in itself."""
        with self._lock:
            rows = len(self.metadata)
            average = self._length_sums / max(1, self._live_count)
            return Snapshot(
                rows=rows,
                live=self._live[:rows].copy(),
                lengths=self._lengths[:rows],
                document_of=self._document_of[:rows],
                known=self.matrix.known(rows).copy(),
                static=self.matrix.static(rows).copy(),
                stats=CorpusStats(self._live_count, average.astype(np.float32)),
            )

    def rows_defining(self, name: str) -> list[int]:
        """Return the rows that define a symbol whose last part is ``name``, in any case."""
        return list(self._definitions.get(name.lower(), ()))

    def defined_names(self) -> list[str]:
        """Return the last parts of all symbols that were ever defined, in lower case."""
        return list(self._definitions)

    def rows_of_files(self, name: str) -> list[int]:
        """Return the rows of the documents with such a `file_name`, in any directory."""
        found = [self.documents.get(doc_id) for doc_id in self._by_name.get(name, ())]
        return [row for entry in found if entry is not None for row in entry.rows]

    def row_of(self, key: int) -> int | None:
        """Return the living row of a chunk."""
        row = self._row_of.get(key)
        return row if row is not None and self._live[row] else None

    def without_vector(self, doc_id: str, *, of_any_kind: bool = False) -> list[tuple[int, bytes]]:
        """Return (key, embed key) of a document's chunks without the model's vector, or any."""
        with self._lock:
            entry = self.documents.get(doc_id)
            if entry is None:
                return []
            known = self.matrix.known(len(self.metadata))
            if of_any_kind:
                known = known | self.matrix.static(len(self.metadata))
            return [
                (self.metadata.key(row), embed_key)
                for row, embed_key in zip(entry.rows, entry.embed_keys, strict=True)
                if not known[row]
            ]

    @property
    def chunk_count(self) -> int:
        """Living chunks."""
        return self._live_count

    @property
    def embedded_count(self) -> int:
        """Living chunks that have the model's vector."""
        return self._embedded_count

    @property
    def tombstones(self) -> int:
        """Rows that are no longer used."""
        return len(self.metadata) - self._live_count

    # --- inside the lock -----------------------------------------------------------------------

    def _append(
        self, doc_id: str, chunks: Sequence[ChunkMetadata], lengths: NDArray[np.float32]
    ) -> range:
        first = len(self.metadata)
        end = first + len(chunks)
        self._grow(end)
        number = self._document_numbers.get(doc_id)
        if number is None:
            number = self._document_numbers[doc_id] = len(self.document_ids)
            self.document_ids.append(doc_id)
            self._by_name.setdefault(file_name(doc_id), []).append(doc_id)
        self._document_of[first:end] = number
        self._lengths[first:end] = lengths
        rows = range(first, end)
        for row, chunk in zip(rows, chunks, strict=True):
            self._row_of[chunk.key] = row
            for path in chunk.definitions:
                name = path.rpartition(".")[2].lower()
                self._definitions.setdefault(name, []).append(row)
        self.metadata.extend(number, chunks)
        return rows

    def _grow(self, rows: int) -> None:
        if rows <= len(self._live):
            return
        capacity = max(_FIRST_CAPACITY, rows, len(self._live) * 3 // 2)
        for name in ("_live", "_lengths", "_document_of"):
            old = getattr(self, name)
            new = np.zeros((capacity, *old.shape[1:]), old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def _mark_live(self, rows: range) -> None:
        place = slice(rows.start, rows.stop)
        self._live[place] = True
        self._live_count += len(rows)
        self._length_sums += self._lengths[place].sum(axis=0)

    def _mark_deleted(self, rows: range) -> None:
        place = slice(rows.start, rows.stop)
        self._live[place] = False
        self._live_count -= len(rows)
        self._length_sums -= self._lengths[place].sum(axis=0)
        self._embedded_count -= int(self.matrix.known(len(self.metadata))[place].sum())
        for row in rows:
            self._row_of.pop(self.metadata.key(row), None)
            for path in self.metadata.definitions(row):
                name = path.rpartition(".")[2].lower()
                defining = self._definitions.get(name)
                if defining is not None and row in defining:
                    defining.remove(row)

    def compacted(self) -> MemoryIndex:
        """Return an equal index without deleted rows; nothing may be written meanwhile."""
        self.compact_postings()
        fresh = MemoryIndex(self.matrix.dimension)
        rows_total = len(self.metadata)
        mapping = np.full(rows_total, -1, np.int32)
        known, static = self.matrix.known(rows_total), self.matrix.static(rows_total)
        with self._lock:
            for doc_id, entry in self.documents.items():
                old = list(entry.rows)
                rows = fresh._append(doc_id, [self.metadata[r] for r in old], self._lengths[old])
                fresh._mark_live(rows)
                mapping[old] = rows
                fresh.documents[doc_id] = DocumentEntry(entry.document, rows, entry.embed_keys)
        for segment in self.postings.drain():
            ids, old_rows, frequencies = segment.expand()
            rows_now = mapping[old_rows]
            kept = rows_now >= 0
            fresh.postings.add_segment(Segment.build(ids[kept], rows_now[kept], frequencies[kept]))
        for flags, put in ((known, fresh.matrix.set), (static, fresh.matrix.set_static)):
            moved = np.flatnonzero(flags & (mapping >= 0))
            put(mapping[moved].astype(np.int64), self.matrix.take(moved))
        fresh._embedded_count = int((known & (mapping >= 0)).sum())
        return fresh
