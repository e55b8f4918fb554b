"""Ranks a user's memos by the words of a query, with the core's BM25."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from coco_core.bm25 import CorpusStats, TermVector, term_scores, term_vector
from coco_core.tokens import term_ids, words
from coco_core.types import Chunk
from coco_server.store.memos import Memo

__all__ = ["rank_memos"]


def rank_memos(query: str, memos: Sequence[Memo]) -> Iterator[tuple[Memo, float]]:
    """Yield the memos that hold any of the words with their scores, best first."""
    vectors = [_terms(memo) for memo in memos]
    lengths = np.array([vector.lengths for vector in vectors], np.float32).reshape(-1, 3)
    average = lengths.mean(axis=0) if memos else np.zeros(3, np.float32)
    stats = CorpusStats(len(memos), average.astype(np.float32))
    scores = np.zeros(len(memos), np.float32)
    for term in {term for word in words(query) for term in term_ids(word)}:
        at = [(place, np.flatnonzero(v.ids == np.uint64(term))) for place, v in enumerate(vectors)]
        holding = [(place, int(index[0])) for place, index in at if index.size]
        if not holding:
            continue
        places = np.array([place for place, _ in holding])
        counts = np.stack([vectors[place].frequencies[index] for place, index in holding])
        scores[places] += term_scores(stats, len(holding), counts, lengths[places])
    for place in sorted(np.flatnonzero(scores > 0).tolist(), key=lambda place: -scores[place]):
        yield memos[place], float(scores[place])


def _terms(memo: Memo) -> TermVector:
    return term_vector("", Chunk.plain(memo.content, symbol=" ".join(memo.tags)))
