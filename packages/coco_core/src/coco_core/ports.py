"""Ports: protocols of embedders, rerankers, tokenizers, and search executors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coco_core.types import FloatMatrix, FloatVector

__all__ = ["Embedder", "Tokenizer"]


class Embedder(Protocol):
    """Turns texts into L2-normalised vectors."""

    @property
    def name(self) -> str:
        """Identity of the model and its settings; vectors of equal names can be compared."""
        ...

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        ...

    @property
    def max_tokens(self) -> int:
        """Longest input in the model's tokens; what is beyond is cut."""
        ...

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32[n, d], in the order of ``texts``."""
        ...

    def embed_query(self, text: str) -> FloatVector:
        """Return float32[d]."""
        ...


class Tokenizer(Protocol):
    """Cuts a text into the tokens of an embedding model (or an estimate of them)."""

    def count(self, text: str) -> int:
        """Return the number of tokens in ``text``, special tokens excluded."""
        ...

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the half-open character range of every token, in order."""
        ...
