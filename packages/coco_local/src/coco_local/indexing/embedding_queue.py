"""Embedding queue: embeds documents in the background, most urgent first.

Texts are not kept while they wait: they are read from disk again, and a chunk whose file changed
meanwhile is left to the index worker, which will bring it back here.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Protocol

import numpy as np
import structlog

from coco_core.errors import CocoError, StoreBroken
from coco_core.header import embedding_text
from coco_core.ports import Embedder
from coco_embed.memory import release_freed_memory
from coco_local.index.project import ProjectIndex
from coco_local.models.index_models import IndexModel
from coco_local.monitoring.activity import Activity
from coco_local.source.reader import SourceReader
from coco_local.store.embeddings import EmbeddingCache

__all__ = ["EmbeddingQueue", "EmbeddingSource", "Priority", "prepared_texts"]

log = structlog.get_logger(__name__)

# Chunks of one call of the model: some tenths of a second of work on two cores, so that progress is
# seen, stopping is quick and the cost of a call does not matter.
_BATCH = 32

# A store that failed (disk full) fails again at once, and so does a server that is down.
_RETRY_SECONDS = 5.0


class Priority(IntEnum):
    """Order of the queue; lower comes first."""

    REQUESTED = 0
    """Its chunks stood in an answer without a vector."""
    CHANGED = 1
    """Somebody edited it just now."""
    BULK = 2
    SECONDARY = 3
    """The bulk of an index that queries go to only when they name it."""


class EmbeddingSource(Protocol):
    """An index whose documents can be embedded."""

    @property
    def model(self) -> IndexModel:
        """What embeds them."""
        ...

    @property
    def index(self) -> ProjectIndex:
        """Its index."""
        ...

    @property
    def reader(self) -> SourceReader:
        """Its files."""
        ...

    def on_embedded(self, computed: int, reused: int) -> None:
        """Called when chunks got their vectors."""
        ...


@dataclass(order=True)
class _Waiting:
    priority: int
    order: int
    source: EmbeddingSource = field(compare=False)
    doc_id: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class _Missing:
    """A chunk that no cache knows."""

    source: EmbeddingSource
    key: int
    embed_key: bytes
    text: str


class EmbeddingQueue:
    """One thread that feeds the models; a model itself uses the cores."""

    def __init__(
        self,
        cache: EmbeddingCache,
        activity: Activity,
        pause: Callable[[], None],
    ) -> None:
        self._cache = cache
        self._activity = activity
        self._pause = pause
        self._condition = threading.Condition()
        # By model, for a batch holds texts of one.
        self._heaps: dict[IndexModel, list[_Waiting]] = {}
        self._order = itertools.count()
        self._queued: dict[tuple[int, str], int] = {}
        self._in_hand: list[_Waiting] = []
        self._retry_at: dict[IndexModel, float] = {}
        self._stopping = False
        self._held = False
        self._thread = threading.Thread(target=self._run, name="coco-embed", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def wake(self) -> None:
        """A model is ready."""
        with self._condition:
            self._condition.notify_all()

    def hold(self, *, held: bool) -> None:
        """Let bulk work wait while files are being indexed: every file first, vectors then.

        Keywords find a file a hundred times sooner than its vectors are computed, and the two
        would share the same cores.
        """
        if held != self._held:
            with self._condition:
                self._held = held
                self._condition.notify_all()

    def __len__(self) -> int:
        return len(self._queued)

    def waiting(self, source: EmbeddingSource) -> bool:
        """Some document of this index waits or is being embedded."""
        mark = id(source)
        with self._condition:
            return any(known == mark for known, _ in self._queued) or any(
                item.source is source for item in self._in_hand
            )

    def put(self, source: EmbeddingSource, doc_ids: Sequence[str], priority: int) -> None:
        """Queue documents; one that waits already can only move forward."""
        with self._condition:
            heap = self._heaps.setdefault(source.model, [])
            for doc_id in doc_ids:
                known = self._queued.get((id(source), doc_id))
                if known is not None and known <= priority:
                    continue
                self._queued[id(source), doc_id] = priority
                heapq.heappush(heap, _Waiting(priority, next(self._order), source, doc_id))
            self._condition.notify_all()

    def forget(self, source: EmbeddingSource) -> None:
        """Drop what waits of an index that is going away."""
        with self._condition:
            left = [i for i in self._heaps.pop(source.model, ()) if i.source is not source]
            if left:
                heapq.heapify(left)
                self._heaps[source.model] = left
            else:
                self._retry_at.pop(source.model, None)
            self._queued = {
                key: value for key, value in self._queued.items() if key[0] != id(source)
            }

    def request_stop(self) -> None:
        """End the thread after the batch in hand; closing the model cuts that short."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()

    def join(self, timeout: float) -> None:
        """Wait for the thread's end."""
        if self._thread.is_alive():
            self._thread.join(timeout)

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._stopping and (model := self._next()) is None:
                    self._condition.wait(self._until_retry())
                if self._stopping:
                    return
            assert model is not None
            self._work(model)
            if not self._queued:
                # The model's working memory is some 80 MB that nobody needs until the next edit.
                release_freed_memory()
            self._pause()

    def _next(self) -> IndexModel | None:
        """Return the model whose first document is the most urgent of those that can be done."""
        now = time.monotonic()
        heads = [
            (heap[0], model)
            for model, heap in self._heaps.items()
            if heap and model.embedder is not None and self._retry_at.get(model, now) <= now
        ]
        first, model = min(heads, key=lambda head: head[0], default=(None, None))
        return None if first is None or self._must_wait(first) else model

    def _must_wait(self, item: _Waiting) -> bool:
        return self._held and item.priority >= Priority.BULK

    def _until_retry(self) -> float | None:
        now = time.monotonic()
        waits = [at - now for model, at in self._retry_at.items() if self._heaps.get(model)]
        return min((wait for wait in waits if wait > 0), default=None)

    def _work(self, model: IndexModel) -> None:
        embedder = model.embedder
        assert embedder is not None
        try:
            batch = self._collect(model, embedder)
            if batch:
                self._embed(embedder, batch)
                model.record_failure(None)
        except Exception as error:  # noqa: BLE001 - `_report` logs it; the thread must go on
            if self._stopping or model not in self._heaps:
                # The model was closed under the batch: the next start takes it up again, or the
                # index that needed it is gone.
                return
            # Its chunks answer by keywords meanwhile.
            self._report(model, error)
            if isinstance(error, CocoError):
                self._try_later(model)
        finally:
            with self._condition:
                self._in_hand = []

    def _report(self, model: IndexModel, error: Exception) -> None:
        known = model.notice
        if isinstance(error, CocoError) and not isinstance(error, StoreBroken):
            model.record_failure(str(error))
        if known is None or known != model.notice:
            # A server that is down fails every few seconds in the same way.
            log.exception("embedding_failed", documents=len(self._in_hand))
            self._activity.log("error", f"Embedding {len(self._in_hand)} files failed: {error}")

    def _try_later(self, model: IndexModel) -> None:
        """Queue what is in hand again; it was not the texts that failed."""
        self._retry_at[model] = time.monotonic() + _RETRY_SECONDS
        for item in self._in_hand:
            self.put(item.source, [item.doc_id], item.priority)

    def _collect(self, model: IndexModel, embedder: Embedder) -> list[_Missing]:
        """Take documents until a batch is full; what the cache knows is settled on the way."""
        batch: list[_Missing] = []
        while len(batch) < _BATCH:
            with self._condition:
                heap = self._heaps.get(model)
                if self._stopping or not heap or self._must_wait(heap[0]):
                    break
                item = heapq.heappop(heap)
                # An entry that moved forward stays in the heap a second time, further back.
                if self._queued.get((id(item.source), item.doc_id)) != item.priority:
                    continue
                del self._queued[id(item.source), item.doc_id]
                self._in_hand.append(item)
            batch += self._settle(embedder, item)
        return batch

    def _settle(self, embedder: Embedder, item: _Waiting) -> list[_Missing]:
        index = item.source.index
        missing = index.memory.without_vector(item.doc_id)
        if not missing:
            return []
        known = self._cache.find(embedder.name, [embed_key for _, embed_key in missing])
        reused = [(key, known[embed_key]) for key, embed_key in missing if embed_key in known]
        if reused:
            index.set_vectors([key for key, _ in reused], np.stack([v for _, v in reused]))
            item.source.on_embedded(0, len(reused))
        left = {key: embed_key for key, embed_key in missing if embed_key not in known}
        return [
            _Missing(item.source, key, left[key], text)
            for key, text in prepared_texts(item.source, item.doc_id, left)
        ]

    def _embed(self, embedder: Embedder, batch: list[_Missing]) -> None:
        # The same text in two files is computed once.
        unique = {item.embed_key: item.text for item in batch}
        vectors = embedder.embed_documents(list(unique.values()))
        self._cache.add(embedder.name, list(unique), vectors)
        row_of = {embed_key: row for row, embed_key in enumerate(unique)}
        by_source: dict[int, list[_Missing]] = {}
        for item in batch:
            by_source.setdefault(id(item.source), []).append(item)
        for items in by_source.values():
            source = items[0].source
            rows = [row_of[item.embed_key] for item in items]
            source.index.set_vectors([item.key for item in items], vectors[rows])
            source.on_embedded(len(items), 0)
        self._activity.embedded(len(batch))


def prepared_texts(
    source: EmbeddingSource, doc_id: str, keys: Container[int]
) -> list[tuple[int, str]]:
    """Return (key, text to embed) of those chunks of a document that are still on disk."""
    chunks = [each for each in source.index.store.document_chunks(doc_id) if each.key in keys]
    entry = source.index.memory.documents.get(doc_id)
    encoding = entry.document.encoding if entry else "utf-8"
    file = source.reader.open(doc_id, encoding) if chunks else None
    if file is None:
        return []
    found: list[tuple[int, str]] = []
    for each in chunks:
        text = file.text_of(each.chunk)
        # Another text means that the file changed: its new chunks will come here by themselves.
        if text is not None:
            found.append((each.key, embedding_text(doc_id, replace(each.chunk, text=text))))
    return found
