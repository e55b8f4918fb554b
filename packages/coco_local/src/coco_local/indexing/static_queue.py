"""Static embedding thread: gives new chunks static vectors, a thousand a second.

Like the model's queue it keeps no texts: they are read from disk again, and a chunk whose file
changed meanwhile comes back with its new text. The vectors live in memory only; after a start they
are computed anew for whatever the model has not reached.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog

from coco_core.errors import Unreadable
from coco_embed.static import StaticEmbedder
from coco_local.indexing.embedding_queue import EmbeddingSource, Priority, prepared_texts

__all__ = ["StaticQueue"]

log = structlog.get_logger(__name__)

# Chunks between two looks at what is more urgent: some tens of milliseconds of one core.
_BATCH = 64


class StaticQueue:
    """One thread; documents that somebody edited or asked for come before the bulk."""

    def __init__(self, embedder: StaticEmbedder, pause: Callable[[], None]) -> None:
        """Describe the queue.

        Args:
            embedder: The static table.
            pause: Called between two batches; it may block, so that queries come first.
        """
        self._embedder = embedder
        self._pause = pause
        self._condition = threading.Condition()
        self._urgent: OrderedDict[tuple[int, str], EmbeddingSource] = OrderedDict()
        self._bulk: OrderedDict[tuple[int, str], EmbeddingSource] = OrderedDict()
        self._held = False
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="coco-static", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, source: EmbeddingSource, doc_ids: Sequence[str], priority: int) -> None:
        """Queue documents."""
        with self._condition:
            for doc_id in doc_ids:
                key = (id(source), doc_id)
                if priority < Priority.BULK:
                    self._bulk.pop(key, None)
                    self._urgent[key] = source
                elif key not in self._urgent:
                    self._bulk[key] = source
            self._condition.notify_all()

    def hold(self, *, held: bool) -> None:
        """Let bulk work wait while files are being indexed: keywords find a file sooner still."""
        with self._condition:
            self._held = held
            self._condition.notify_all()

    def forget(self, source: EmbeddingSource) -> None:
        """Drop what waits of a project that is going away."""
        with self._condition:
            for waiting in (self._urgent, self._bulk):
                for key in [key for key in waiting if key[0] == id(source)]:
                    del waiting[key]

    def stop(self, timeout: float) -> None:
        """End the thread after the batch in hand."""
        with self._condition:
            self._stopping = True
            self._condition.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout)

    # --- the thread ----------------------------------------------------------------------------

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopping or self._ready())
                if self._stopping:
                    return
            try:
                self._work()
            except Unreadable as error:
                log.error("static_table_unusable", reason=str(error))
                return
            except Exception:
                # The thread must outlive one bad batch; its chunks answer by keywords meanwhile.
                log.exception("static_vectors_failed")
            self._pause()

    def _ready(self) -> bool:
        return bool(self._urgent) or (bool(self._bulk) and not self._held)

    def _work(self) -> None:
        batch: list[tuple[EmbeddingSource, list[int]]] = []
        texts: list[str] = []
        while len(texts) < _BATCH:
            with self._condition:
                if self._stopping or not self._ready():
                    break
                (_, doc_id), source = (self._urgent or self._bulk).popitem(last=False)
            waiting = source.index.memory.without_vector(doc_id, of_any_kind=True)
            without = {key for key, _ in waiting}
            found = prepared_texts(source, doc_id, without) if without else []
            batch.append((source, [key for key, _ in found]))
            texts += [text for _, text in found]
        vectors = self._embedder.calibrated(self._embedder.embed_documents(texts))
        start = 0
        for source, keys in batch:
            source.index.set_static_vectors(keys, vectors[start : start + len(keys)])
            start += len(keys)
