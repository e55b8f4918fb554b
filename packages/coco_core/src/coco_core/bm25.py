"""Fielded BM25 (BM25F): keyword scores from a store's term statistics.

A chunk has three fields. What goes into which is decided in `term_vector` alone; how much each
counts, in the constants below.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from coco_core.tokens import term_ids, words
from coco_core.types import Chunk

__all__ = [
    "FIELDS",
    "CorpusStats",
    "TermVector",
    "path_terms",
    "saturated_scores",
    "term_scores",
    "term_vector",
    "term_weight",
    "weighted_frequencies",
]

FIELDS = ("symbol", "path", "body")

# A word in the symbol's name or in a heading says what the chunk is about; in a path, what its file
# is about; in the body it may be there by chance.
FIELD_WEIGHTS = np.array([3.0, 2.0, 1.0], dtype=np.float32)

# How far a long field is discounted: names are short whatever they say; deep paths are no worse
# than flat ones; chunks are cut to one size, so the body's length tells little too.
FIELD_B = np.array([0.3, 0.3, 0.6], dtype=np.float32)

# Saturation: the usual 1.2; in code a term repeated ten times is a variable, not ten times the
# evidence.
K1 = 1.2

# A count is stored in one byte; more occurrences than this change no score.
_MOST_COUNTED = 255


@dataclass(frozen=True, slots=True)
class TermVector:
    """The terms of one chunk: sorted unique ids, occurrences per field, length of each field."""

    ids: NDArray[np.uint64]
    frequencies: NDArray[np.uint8]
    lengths: tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class CorpusStats:
    """What the scores need to know of the whole index."""

    chunks: int
    average_lengths: NDArray[np.float32]
    """Mean length of each field, in the order of `FIELDS`."""


def term_scores(
    stats: CorpusStats,
    document_frequency: int,
    frequencies: NDArray[np.uint8],
    lengths: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Return one term's contribution to the scores of the chunks that hold it.

    Args:
        stats: of the whole index.
        document_frequency: chunks of the index that hold the term in any field.
        frequencies: (n, 3) occurrences per field.
        lengths: (n, 3) terms per field.
    """
    weighted = weighted_frequencies(stats, frequencies, lengths)
    return saturated_scores(stats, document_frequency, weighted)


def weighted_frequencies(
    stats: CorpusStats, frequencies: NDArray[np.uint8], lengths: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return float32[n]: what a term's occurrences in all fields count together.

    A store that never changes an index may keep this in the place of frequencies and lengths.
    """
    average = np.maximum(stats.average_lengths, np.float32(1.0))
    norms = (1 - FIELD_B) + FIELD_B * (lengths / average)
    weighted: NDArray[np.float32] = (frequencies * (FIELD_WEIGHTS / norms)).sum(axis=1)
    return weighted


def term_weight(stats: CorpusStats, document_frequency: int) -> float:
    """Return what a term tells: the inverse of its frequency, 0 for one that is everywhere."""
    if stats.chunks < document_frequency:
        return 0.0
    return math.log1p((stats.chunks - document_frequency + 0.5) / (document_frequency + 0.5))


def saturated_scores(
    stats: CorpusStats, document_frequency: int, weighted: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return one term's contribution to the scores, from its weighted frequencies."""
    rare = term_weight(stats, document_frequency)
    scores: NDArray[np.float32] = (rare * (K1 + 1) * weighted / (K1 + weighted)).astype(np.float32)
    return scores


@lru_cache(maxsize=4096)
def path_terms(doc_id: str) -> Mapping[int, int]:
    """Return the term counts of a path; the file's own name counts twice."""
    directory, _, name = doc_id.rpartition("/")
    stem_end = name.rfind(".")
    stem = name[:stem_end] if stem_end > 0 else name
    return _counts(f"{directory} {name} {stem}")


def term_vector(doc_id: str, chunk: Chunk) -> TermVector:
    """Return the terms of a document's chunk.

    Symbol: the dotted symbol, the names defined in the chunk, the heading trail. Path: directories
    and file name. Body: the text, and the signature of the enclosing definition where the text
    does not hold it.
    """
    names = [chunk.symbol, *(each.name for each in chunk.definitions), *chunk.heading_trail]
    symbol_counts = _counts(" ".join(dict.fromkeys(names)))
    path_counts = path_terms(doc_id)
    body_counts = _counts(
        chunk.text if chunk.signature in chunk.text else f"{chunk.signature}\n{chunk.text}"
    )
    columns = (symbol_counts, path_counts, body_counts)
    distinct = sorted(symbol_counts.keys() | path_counts.keys() | body_counts.keys())
    frequencies = np.empty((len(distinct), len(FIELDS)), dtype=np.uint8)
    for column, counts in enumerate(columns):
        found = map(counts.get, distinct)
        frequencies[:, column] = [min(n, _MOST_COUNTED) if n else 0 for n in found]
    return TermVector(
        ids=np.array(distinct, dtype=np.uint64),
        frequencies=frequencies,
        lengths=(
            sum(symbol_counts.values()),
            sum(path_counts.values()),
            sum(body_counts.values()),
        ),
    )


def _counts(text: str) -> dict[int, int]:
    counts: dict[int, int] = {}
    for word, times in Counter(words(text)).items():
        for number in term_ids(word):
            counts[number] = counts.get(number, 0) + times
    return counts
