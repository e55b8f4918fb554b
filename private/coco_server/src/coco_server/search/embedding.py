"""Query embedding, with a cache of recent queries."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from coco_core.configs import EmbeddingConfig
from coco_core.types import FloatVector
from coco_embed.resolver import ClosableEmbedder, Embedders

__all__ = ["QueryVectors"]

# A query waits for its vector no longer than this; then keywords answer, and the answer says so.
_EMBED_SECONDS = 5.0

# Vectors of recent queries: the same question comes again for its next page, or from a dashboard.
_CACHED_VECTORS = 2_000


class QueryVectors:
    """Embeds queries, and remembers the recent ones; thread-safe."""

    def __init__(self, embedders: Embedders) -> None:
        self._embedders = embedders
        self._lock = threading.Lock()
        self._open: dict[EmbeddingConfig, ClosableEmbedder] = {}
        self._known: OrderedDict[tuple[EmbeddingConfig, str], FloatVector] = OrderedDict()

    def of(self, text: str, config: EmbeddingConfig) -> FloatVector:
        """Return float32[d].

        Raises:
            Unavailable: the embedding service does not answer.
            ModelMissing: the built-in model is not installed.
        """
        with self._lock:
            known = self._known.get((config, text))
            if known is not None:
                self._known.move_to_end((config, text))
                return known
        vector = self._embedder(config).embed_query(text).astype(np.float32)
        with self._lock:
            self._known[config, text] = vector
            if len(self._known) > _CACHED_VECTORS:
                self._known.popitem(last=False)
        return vector

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            opened, self._open = self._open, {}
        for embedder in opened.values():
            embedder.close()

    def _embedder(self, config: EmbeddingConfig) -> ClosableEmbedder:
        with self._lock:
            known = self._open.get(config)
            if known is None:
                known = self._embedders.open(config, timeout=_EMBED_SECONDS)
                self._open[config] = known
            return known
