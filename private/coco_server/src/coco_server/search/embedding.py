"""Query embedding, with a cache of recent queries."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TypeAlias

import numpy as np

from coco_core.configs import EmbeddingConfig
from coco_core.types import FloatVector
from coco_embed.resolver import ClosableEmbedder, Embedders

__all__ = ["QueryVectors"]

_OrgVectors: TypeAlias = OrderedDict[tuple[EmbeddingConfig, str], FloatVector]

# A query waits for its vector no longer than this; then keywords answer, and the answer says so.
_EMBED_SECONDS = 5.0

# Vectors of an org's recent queries: the same question comes again for its next page, or from a
# dashboard. Another org's questions neither answer nor displace them, so that the time of an answer
# says nothing about what others asked.
_CACHED_VECTORS = 200

# The orgs that asked last; 1.5 kB for each vector of 384 numbers.
_MOST_ORGS = 500


class QueryVectors:
    """Embeds queries, and remembers the recent ones; thread-safe."""

    def __init__(self, embedders: Embedders) -> None:
        self._embedders = embedders
        self._lock = threading.Lock()
        self._open: dict[EmbeddingConfig, ClosableEmbedder] = {}
        self._known: OrderedDict[str, _OrgVectors] = OrderedDict()

    def of(self, org_id: str, text: str, config: EmbeddingConfig) -> FloatVector:
        """Return float32[d] for a query of this org.

        Raises:
            Unavailable: the embedding service does not answer.
            ModelMissing: the built-in model is not installed.
        """
        with self._lock:
            found = self._of_org(org_id).get((config, text))
            if found is not None:
                self._known[org_id].move_to_end((config, text))
                return found
        vector = self._embedder(config).embed_query(text).astype(np.float32)
        with self._lock:
            known = self._of_org(org_id)
            known[config, text] = vector
            if len(known) > _CACHED_VECTORS:
                known.popitem(last=False)
        return vector

    def close(self) -> None:
        """Close what was opened."""
        with self._lock:
            opened, self._open = self._open, {}
        for embedder in opened.values():
            embedder.close()

    def _of_org(self, org_id: str) -> _OrgVectors:
        known = self._known.setdefault(org_id, OrderedDict())
        self._known.move_to_end(org_id)
        if len(self._known) > _MOST_ORGS:
            self._known.popitem(last=False)
        return known

    def _embedder(self, config: EmbeddingConfig) -> ClosableEmbedder:
        with self._lock:
            known = self._open.get(config)
            if known is None:
                known = self._embedders.open(config, timeout=_EMBED_SECONDS)
                self._open[config] = known
            return known
