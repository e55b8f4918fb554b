"""Ports: protocols of embedders, rerankers, tokenizers, and search executors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from coco_core.types import FloatMatrix, FloatVector

__all__ = ["Embedder", "Reranker", "Tokenizer"]


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


class Reranker(Protocol):
    """A cross-encoder: reads a query and a text together and says how well the text answers."""

    @property
    def name(self) -> str:
        """What searches call it."""
        ...

    def score(self, query: str, texts: Sequence[str], *, seconds: float) -> FloatVector:
        """Return float32[n] in the order of ``texts``: 0 is no answer, 1 a certain one.

        Raises:
            CocoError: it cannot say, or not within so many seconds.
        """
        ...


class Tokenizer(Protocol):
    """Cuts a text into the tokens of an embedding model (or an estimate of them)."""

    def count(self, text: str) -> int:
        """Return the number of tokens in ``text``, special tokens excluded."""
        ...

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the half-open character range of every token, in order."""
        ...
