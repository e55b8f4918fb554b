"""Prompts: prefixes that some models need before each query or document."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coco_core.ports import Embedder
from coco_core.types import FloatMatrix, FloatVector

__all__ = ["ClosableEmbedder", "PromptedEmbedder", "Prompts", "prompted"]


class ClosableEmbedder(Embedder, Protocol):
    """An embedder that holds a model or connections."""

    def close(self) -> None:
        """Give them back; calls in progress raise `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Prompts:
    """What stands before a text; usually nothing."""

    query: str = ""
    document: str = ""


class PromptedEmbedder:
    """An embedder whose texts get their prompts first."""

    def __init__(self, embedder: ClosableEmbedder, prompts: Prompts) -> None:
        self._embedder = embedder
        self._prompts = prompts
        # A query's prompt changes no document, but results that were measured with another.
        content = f"{prompts.query}\0{prompts.document}".encode()
        self._mark = hashlib.blake2b(content, digest_size=4).hexdigest()

    @property
    def name(self) -> str:
        """The embedder's name and the prompts."""
        return f"{self._embedder.name}+{self._mark}"

    @property
    def dimension(self) -> int:
        """Length of a vector."""
        return self._embedder.dimension

    @property
    def max_tokens(self) -> int:
        """Longest input with its prompt."""
        return self._embedder.max_tokens

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        """Return float32[n, d] in the order of ``texts``."""
        return self._embedder.embed_documents([self._prompts.document + text for text in texts])

    def embed_query(self, text: str) -> FloatVector:
        """Return float32[d]."""
        return self._embedder.embed_query(self._prompts.query + text)

    def close(self) -> None:
        """Close the embedder."""
        self._embedder.close()


def prompted(embedder: ClosableEmbedder, prompts: Prompts) -> ClosableEmbedder:
    """Return the embedder with its prompts; as it is where there are none."""
    return PromptedEmbedder(embedder, prompts) if prompts != Prompts() else embedder


_: type[ClosableEmbedder] = PromptedEmbedder
