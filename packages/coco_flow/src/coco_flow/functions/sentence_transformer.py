"""Functions that embed texts with a model of this machine."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from coco_flow.functions.local_model import LocalModel, find_model
from coco_flow.functions.vectors import vector_type
from coco_flow.op.definition import executor_class
from coco_flow.op.options import ArgRelationship
from coco_flow.op.spec import FunctionSpec

__all__ = ["Embed", "EmbedExecutor", "SentenceTransformerEmbed", "SentenceTransformerEmbedExecutor"]

# What sentence-transformers reads of a text with all-MiniLM-L6-v2.
_SENTENCE_TRANSFORMER_TOKENS = 256
# A batch of longest texts takes seconds on two cores: enough to keep them busy, and soon done.
_LARGEST_BATCH = 512


class SentenceTransformerEmbed(FunctionSpec):
    """Embeds a text with a model that is known by its name in sentence-transformers.

    ``all-MiniLM-L6-v2`` runs in ONNX Runtime, without torch, and so do models that are registered
    in CoCo, and ONNX directories by path. Others need sentence-transformers.

    Attributes:
        model: The model's name, with or without its owner.
        args: Arguments of sentence-transformers' constructor.
    """

    model: str
    args: dict[str, Any] | None = None


class Embed(FunctionSpec):
    """Embeds a text as CoCo's own indexes do, so that its vectors compare with theirs.

    Attributes:
        model: A built-in model (``all-MiniLM-L6-v2``, or ``coco-static``, which needs no file and
            is many times as fast), a registered one, or the path of an ONNX directory.
        max_tokens: How much of a text is read, as in an indexing config.
        task_type: Whether the texts are documents or queries, where that matters to the model.
    """

    model: str = "all-MiniLM-L6-v2"
    max_tokens: int = 128
    task_type: Literal["document", "query"] = "document"


@executor_class(
    cache=True,
    behavior_version=1,
    batching=True,
    max_batch_size=_LARGEST_BATCH,
    arg_relationship=(ArgRelationship.EMBEDDING_ORIGIN_TEXT, "text"),
)
class SentenceTransformerEmbedExecutor:
    """Runs `SentenceTransformerEmbed`."""

    spec: SentenceTransformerEmbed
    _model: LocalModel

    def analyze(self) -> Any:
        """Find the model and return the type of its vectors."""
        self._model = find_model(
            self.spec.model, max_tokens=_SENTENCE_TRANSFORMER_TOKENS, args=self.spec.args
        )
        return vector_type(self._model.dimension)

    def cache_identity(self) -> list[Any]:
        """Return what tells the model's vectors from others."""
        return self._model.identity

    def prepare(self) -> None:
        """Get the model ready."""
        self._model.prepare()

    def __call__(self, text: list[str]) -> list[NDArray[np.float32]]:
        """Return the vectors of the texts."""
        return self._model.embed(text)


@executor_class(
    cache=True,
    behavior_version=1,
    batching=True,
    max_batch_size=_LARGEST_BATCH,
    arg_relationship=(ArgRelationship.EMBEDDING_ORIGIN_TEXT, "text"),
)
class EmbedExecutor:
    """Runs `Embed`."""

    spec: Embed
    _model: LocalModel

    def analyze(self) -> Any:
        """Find the model and return the type of its vectors."""
        self._model = find_model(self.spec.model, max_tokens=self.spec.max_tokens)
        return vector_type(self._model.dimension)

    def cache_identity(self) -> list[Any]:
        """Return what tells the model's vectors from others."""
        return [*self._model.identity, self.spec.task_type]

    def prepare(self) -> None:
        """Get the model ready."""
        self._model.prepare()

    def __call__(self, text: list[str]) -> list[NDArray[np.float32]]:
        """Return the vectors of the texts."""
        return self._model.embed(text, queries=self.spec.task_type == "query")
