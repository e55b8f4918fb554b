"""Embedding by models named as in sentence-transformers; CoCo's own run without that package."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from coco_flow import components as coco
from coco_flow.components.schema import VectorSchema, VectorSchemaProvider

__all__ = ["SentenceTransformerEmbedder"]

# What sentence-transformers reads of a text with all-MiniLM-L6-v2.
MAX_TOKENS = 256
# Larger batches are no faster on a CPU, and smaller ones answer sooner.
BATCH = 64


class _Model(Protocol):
    """The part of a SentenceTransformer that is used here."""

    def encode(
        self, texts: list[str], *, prompt_name: str | None, normalize_embeddings: bool
    ) -> Sequence[NDArray[np.float32]]: ...

    def get_sentence_embedding_dimension(self) -> int | None: ...


class _LocalModel:
    """A model of this machine, seen as a SentenceTransformer."""

    def __init__(self, name: str, args: dict[str, Any]) -> None:
        from coco_flow.functions.local_model import find_model

        self._model = find_model(name, max_tokens=MAX_TOKENS, args=args)

    def encode(
        self, texts: list[str], *, prompt_name: str | None, normalize_embeddings: bool
    ) -> list[NDArray[np.float32]]:
        if prompt_name not in {None, "query", "document"}:
            raise ValueError(
                f"There is no prompt {prompt_name!r}; this model knows 'query' and 'document'."
            )
        vectors = self._model.embed(texts, queries=prompt_name == "query")
        if not normalize_embeddings:
            return vectors
        # A text without words may have the zero vector, which stays.
        return [vector / (np.linalg.norm(vector) or np.float32(1)) for vector in vectors]

    def get_sentence_embedding_dimension(self) -> int:
        return self._model.dimension


class SentenceTransformerEmbedder(VectorSchemaProvider):
    """Embeds texts; a column annotated with it knows the size of its vectors.

    `sentence-transformers/all-MiniLM-L6-v2` and the other models of CoCo run in ONNX Runtime; other
    names need the package sentence-transformers.
    """

    def __init__(
        self,
        model_name_or_path: str,
        *,
        device: str | None = None,
        trust_remote_code: bool = False,
    ) -> None:
        """Name the model, which is loaded with the first text.

        Args:
            model_name_or_path: Name of the model, or a directory.
            device: Where sentence-transformers runs it; None lets it choose.
            trust_remote_code: Whether sentence-transformers may run code that comes with it.
        """
        self._model_name_or_path = model_name_or_path
        self._device = device
        self._trust_remote_code = trust_remote_code
        self._model: _Model | None = None
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        # Another process loads the model itself.
        return {
            "model_name_or_path": self._model_name_or_path,
            "device": self._device,
            "trust_remote_code": self._trust_remote_code,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]  # the arguments are the state

    def __coco_memo_key__(self) -> object:
        """Identify the model; the device changes no vector by more than rounding."""
        return (self._model_name_or_path, self._device, self._trust_remote_code)

    def _get_model(self) -> _Model:
        with self._lock:
            if self._model is None:
                args: dict[str, Any] = {}
                if self._device is not None:
                    args["device"] = self._device
                if self._trust_remote_code:
                    args["trust_remote_code"] = True
                self._model = _LocalModel(self._model_name_or_path, args)
            return self._model

    @coco.fn.as_async(batching=True, runner=coco.GPU, max_batch_size=BATCH)
    def _embed(
        self,
        texts: list[str],
        prompt_name: str | None = None,
        normalize_embeddings: bool = True,
    ) -> list[NDArray[np.float32]]:
        model = self._get_model()
        try:
            vectors = model.encode(
                texts, prompt_name=prompt_name, normalize_embeddings=normalize_embeddings
            )
        except Exception as error:
            # What does not fit into memory may fit in two halves; nothing else gets better so.
            if not _is_out_of_memory(error):
                raise
            _release_memory()
            raise coco.RetryWithSmallerBatch from error
        return list(vectors)

    @coco.fn(memo=True, version=1, logic_tracking="self")
    async def embed(
        self,
        text: str,
        prompt_name: str | None = None,
        normalize_embeddings: bool = True,
    ) -> NDArray[np.float32]:
        """Return the vector of a text; texts that come at the same time share a batch.

        Args:
            text: The text.
            prompt_name: "query" or "document" for models that distinguish them.
            normalize_embeddings: Whether the vector has length 1.
        """
        vector: NDArray[np.float32] = await self._embed(text, prompt_name, normalize_embeddings)
        return vector

    @coco.fn.as_async(runner=coco.GPU, memo=True)
    def dimension(self) -> int:
        """Return the number of a vector's elements."""
        size = self._get_model().get_sentence_embedding_dimension()
        if size is None:
            raise RuntimeError(
                f"Embedding dimension is unknown for model {self._model_name_or_path}."
            )
        return size

    async def __coco_vector_schema__(self) -> VectorSchema:
        """Return the schema of the vectors."""
        return VectorSchema(np.dtype(np.float32), await self.dimension())


def _is_out_of_memory(error: Exception) -> bool:
    # By the message: the class differs by device, and torch need not be there.
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def _release_memory() -> None:
    """Give back what torch keeps of a device's memory, so that half a batch finds room."""
    import sys

    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()
