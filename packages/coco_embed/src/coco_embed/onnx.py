"""Embed texts with ONNX Runtime: one session for all threads, one text a run, no padding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from coco_core.errors import InvalidInput, Unavailable
from coco_core.ports import Embedder, Tokenizer
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.memory import release_freed_memory
from coco_embed.session import Session, open_session, run_one
from coco_embed.store import InstalledModel
from coco_embed.tokenizer import WordPieces
from coco_embed.workers import DocumentWorkers

__all__ = ["OnnxEmbedder"]

# Rows of the model's position table.
_LONGEST = 512
# [CLS], one word piece and [SEP].
_SHORTEST = 3
# Texts that a worker tokenizes in one call: enough to make the call's cost vanish, few enough that
# the last worker to finish is not far behind.
_GROUP = 8


class OnnxEmbedder:
    """The local embedding model; every method may be called from any thread at any time."""

    def __init__(
        self,
        model: InstalledModel,
        *,
        max_tokens: int = 128,
        threads: int | None = None,
        between: Callable[[], None] | None = None,
    ) -> None:
        """Describe the embedder; files are opened with the first text.

        Args:
            model: What `ModelStore.find` returned.
            max_tokens: Longest input with its special tokens; what is beyond is cut.
            threads: Workers for documents; one for each processor when not given.
            between: Called by a worker before each text of a document. It may block, so that
                queries overtake, and what it raises ends the call that it interrupts.
        """
        if not _SHORTEST <= max_tokens <= _LONGEST:
            raise InvalidInput(
                f"max_tokens is {max_tokens}; {model.name} takes {_SHORTEST} to {_LONGEST}."
            )
        self._model = model
        self._max_tokens = max_tokens
        self._between = between
        self._workers = DocumentWorkers(threads)
        self._opening = threading.Lock()
        self._session: Session | None = None
        self._words: WordPieces | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """Model, window and file: vectors of equal names can be compared."""
        manifest = self._model.manifest
        return f"{self._model.name}-int8@{self._max_tokens}#{manifest.fingerprint}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._model.manifest.conversion.dimension

    @property
    def max_tokens(self) -> int:
        """Longest input in word pieces, the two special ones included."""
        return self._max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer, uncut."""
        return self._open_words()

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32[n, d] in the order of ``texts``, computed by the workers.

        Equal texts are computed once. The workers run at low priority where the system allows it.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        places: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            places.setdefault(text, []).append(place)
        # The longest first, so that no worker starts a long text when the others are done.
        order = sorted(places, key=len, reverse=True)
        groups = [order[start : start + _GROUP] for start in range(0, len(order), _GROUP)]
        session, words = self._open_session(), self._open_words()

        def embed(group: Sequence[str], check: Callable[[], None]) -> None:
            for text, ids in zip(group, words.ids(group, self._max_tokens), strict=True):
                check()
                if self._between is not None:
                    self._between()
                vectors[places[text]] = run_one(session, ids)

        self._workers.run(embed, groups)
        return vectors

    def embed_query(self, text: str) -> FloatVector:
        """Return float32[d], computed in the calling thread at its own priority."""
        session, words = self._open_session(), self._open_words()
        return run_one(session, words.ids([text], self._max_tokens)[0])

    def unload(self) -> None:
        """Give the model's memory back; the next text opens it again."""
        with self._opening:
            self._session = None
            self._words = None
        release_freed_memory()

    def close(self) -> None:
        """End the workers and give the memory back; calls in progress raise `Unavailable`."""
        self._closed = True
        self._workers.close()
        self.unload()

    def _open_session(self) -> Session:
        session = self._session
        if session is None:
            with self._opening:
                self._refuse_closed()
                session = self._session = self._session or _open(self._model.onnx)
        return session

    def _open_words(self) -> WordPieces:
        words = self._words
        if words is None:
            with self._opening:
                self._refuse_closed()
                words = self._words = self._words or WordPieces(self._model.tokenizer)
        return words

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("The embedder is closed.", hint="Restart CoCo: coco restart")


def _open(path: Path) -> Session:
    try:
        return open_session(path)
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise Unavailable(
            f"The embedding model {path} cannot be opened: {error}.",
            hint="Run: coco setup --force",
        ) from error


_: type[Embedder] = OnnxEmbedder
