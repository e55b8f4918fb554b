"""Embed texts with ONNX Runtime: one session for all threads, one text a run, no padding."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import numpy as np

from coco_core.errors import InvalidInput, Unavailable
from coco_core.ports import Embedder, Tokenizer
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.runtime import BuiltInModel, LoadedModel
from coco_embed.store import InstalledModel

__all__ = ["OnnxEmbedder"]

# [CLS], one word piece and [SEP].
_SHORTEST = 3
# Texts that a worker tokenizes in one call: enough to make the call's cost vanish, few enough that
# the last worker to finish is not far behind.
_GROUP = 8


class OnnxEmbedder:
    """A model at one window; every method may be called from any thread at any time."""

    def __init__(
        self,
        model: InstalledModel | LoadedModel,
        *,
        max_tokens: int = 128,
        threads: int | None = None,
        before_work: Callable[[], None] | None = None,
    ) -> None:
        """Describe the embedder; files are opened with the first text.

        Args:
            model: What `ModelStore.find` returned, or a model that several embedders share: then
                closing this one leaves it to the others.
            max_tokens: Longest input with its special tokens; what is beyond is cut.
            threads: Workers for documents; one for each processor when not given. A shared model
                has its own.
            before_work: Called by a worker before each text of a document. It may block, so that
                queries overtake, and what it raises ends the call that it interrupts.
        """
        self._shared = isinstance(model, LoadedModel)
        self._loaded = (
            model
            if isinstance(model, LoadedModel)
            else LoadedModel(BuiltInModel(model), threads=threads)
        )
        about = self._loaded.model
        if not _SHORTEST <= max_tokens <= about.max_tokens:
            raise InvalidInput(
                f"max_tokens is {max_tokens}; {about.name} takes {_SHORTEST} to {about.max_tokens}."
            )
        self._max_tokens = max_tokens
        self._before_work = before_work
        self._closing = threading.Lock()
        self._closed = False
        self._loaded.join()

    @property
    def name(self) -> str:
        """Model, window and files: vectors of equal names can be compared."""
        return self._loaded.name(self._max_tokens)

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._loaded.dimension

    @property
    def max_tokens(self) -> int:
        """Longest input in tokens, the special ones included."""
        return self._max_tokens

    @property
    def tokenizer(self) -> Tokenizer:
        """The model's own tokenizer, uncut."""
        return self._loaded.tokenizer()

    def at(self, max_tokens: int, *, before_work: Callable[[], None] | None = None) -> OnnxEmbedder:
        """Return the same model at another window: one network, tokenizer and set of workers.

        Closing what is returned leaves this embedder as it is; closing this one ends both.
        """
        return OnnxEmbedder(
            self._loaded, max_tokens=max_tokens, before_work=before_work or self._before_work
        )

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32[n, d] in the order of ``texts``, computed by the workers.

        Equal texts are computed once. The workers run at low priority where the system allows it.
        """
        self._refuse_closed()
        vectors = np.empty((len(texts), self.dimension), np.float32)
        places: dict[str, list[int]] = {}
        for place, text in enumerate(texts):
            places.setdefault(text, []).append(place)
        # The longest first, so that no worker starts a long text when the others are done.
        order = sorted(places, key=len, reverse=True)
        groups = [order[start : start + _GROUP] for start in range(0, len(order), _GROUP)]
        network, words = self._loaded.network(), self._loaded.tokenizer()

        def embed(group: Sequence[str], check: Callable[[], None]) -> None:
            for text, ids in zip(group, words.ids(group, self._max_tokens), strict=True):
                check()
                self._refuse_closed()
                if self._before_work is not None:
                    self._before_work()
                vectors[places[text]] = network.run(ids)

        self._loaded.workers.run(embed, groups)
        return vectors

    def embed_query(self, text: str) -> FloatVector:
        """Return float32[d], computed in the calling thread at its own priority."""
        self._refuse_closed()
        network, words = self._loaded.network(), self._loaded.tokenizer()
        return network.run(words.ids([text], self._max_tokens)[0])

    def unload(self) -> None:
        """Give the model's memory back, for all who share it; the next text opens it again."""
        self._loaded.unload()

    def close(self) -> None:
        """End calls in progress with `Unavailable`; a model that is not shared goes, too."""
        with self._closing:
            left, self._closed = self._closed, True
        if not self._shared:
            self._loaded.close()
        elif not left:
            self._loaded.leave()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise Unavailable("The embedder is closed.", hint="Restart CoCo: coco restart")


_: type[Embedder] = OnnxEmbedder
