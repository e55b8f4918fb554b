"""Batching: groups chunked items to be embedded and written together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from coco_server.store.chunks import ChunkRow, DocumentRow
from coco_worker.chunked_item import ChunkedItem
from coco_worker.items.item import Deletion, Rejection

__all__ = ["Batch", "batches"]

# Enough that a commit's cost does not show, few enough that a lost attempt loses seconds of a
# model's work: 512 texts take an ONNX model some seconds, and fill eight requests of 64.
_MOST_CHUNKS = 512
# Their texts, vectors and terms are held at once; of large chunks there are fewer.
_MOST_BYTES = 4_194_304
# Terms of one portion are packed into one row of the store, and a segment of its index holds
# several portions.
_MOST_ROWS = 4096
# Items that bring nothing to write move the checkpoint all the same.
_MOST_ITEMS = 10_000


@dataclass
class Batch:
    """What one transaction writes."""

    end: int = 0
    """The position after its last item."""
    items: int = 0
    """Items that are indexed."""
    content_bytes: int = 0
    parsed: int = 0
    """Items that were cut here."""
    reused: int = 0
    """Chunks whose vector an earlier version had."""
    unchanged: int = 0
    """Items that the base of a merge holds as they were sent."""
    documents: list[DocumentRow] = field(default_factory=list)
    chunks: list[ChunkRow] = field(default_factory=list)
    rejections: list[Rejection] = field(default_factory=list)
    deletions: list[str] = field(default_factory=list)
    """Documents that a merge takes out, by id."""

    def add(self, index: int, outcome: ChunkedItem | Deletion | Rejection) -> None:
        """Take the outcome of the item at ``index``."""
        self.end = index + 1
        if isinstance(outcome, Rejection):
            self.rejections.append(outcome)
            return
        if isinstance(outcome, Deletion):
            self.deletions.append(outcome.doc_id)
            return
        if outcome.unchanged:
            self.unchanged += 1
            return
        self.items += 1
        self.content_bytes += outcome.content_bytes
        self.parsed += outcome.parsed
        self.reused += outcome.reused
        if outcome.document is not None:
            self.documents.append(outcome.document)
        self.chunks.extend(outcome.chunks)

    def slices(self) -> Iterator[tuple[list[DocumentRow], list[ChunkRow], int]]:
        """Yield documents, chunks and items in portions that the store takes at once.

        A single document may have a hundred thousand chunks, which belong into one transaction.
        """
        for start in range(0, len(self.chunks), _MOST_ROWS):
            first = start == 0
            yield (
                self.documents if first else [],
                self.chunks[start : start + _MOST_ROWS],
                self.items if first else 0,
            )
        if not self.chunks and self.documents:
            yield self.documents, [], self.items

    @property
    def full(self) -> bool:
        """Whether it is time to write."""
        return (
            len(self.chunks) >= _MOST_CHUNKS
            or self.content_bytes >= _MOST_BYTES
            or self.items + len(self.rejections) + len(self.deletions) + self.unchanged
            >= _MOST_ITEMS
        )


def batches(outcomes: Iterable[tuple[int, ChunkedItem | Deletion | Rejection]]) -> Iterator[Batch]:
    """Yield full batches, and the rest at the end."""
    batch = Batch()
    for index, outcome in outcomes:
        batch.add(index, outcome)
        if batch.full:
            yield batch
            batch = Batch()
    if batch.end:
        yield batch
