"""Promising chunks: those that hold most of a query's wording, found from the postings alone.

Whether they have the query's order only the text can tell. Reading is what costs, so few
chunks are read: by line of the query, those that hold the rarest and the most of its words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coco_core.wording import AskedWord, Wording, rarity

__all__ = ["Promising", "promising_chunks"]

Rows = NDArray[np.int32] | NDArray[np.int64]

# Chunks that are read for a query of one line; of a paste with many lines, for each of those that
# have most to say.
_MOST_READ = 20
_MOST_READ_OF_LINE = 6
_MOST_LINES = 10

# Where more than those hold every word, all are common, and only their order can tell: so many.
_MOST_HOLDING_ALL = 60
_ALL = 0.97

# A chunk that holds less of a line's words, by their rarity, does not hold the line.
_LEAST_HELD = 0.5

# The chunks that hold a rare word are read whatever else they hold: of words that so few chunks
# have, the rarest first.
_FEW_CHUNKS = 6
_MOST_RARE_WORDS = 4

# Among equals the better match by keywords is read first.
_TIE = 0.05


@dataclass(frozen=True, slots=True)
class Promising:
    """Rows worth reading, best first, and what the weights of the words are made of."""

    rows: list[int]
    frequencies: Mapping[str, int]


def promising_chunks(
    wording: Wording,
    postings: Mapping[str, Rows],
    keyword: NDArray[np.float32],
    allowed: NDArray[np.bool_] | None,
    chunks: int,
) -> Promising:
    """Return the chunks that hold most of the wording.

    Args:
        wording: of the query.
        postings: the rows of the living chunks that hold each of ``wording.terms``.
        keyword: float32[rows], the keyword scores.
        allowed: bool[rows], what passes the filters; None when all do.
        chunks: living chunks of the index.
    """
    frequencies = {term: len(rows) for term, rows in postings.items()}
    lines = [_weighted(line, frequencies, chunks) for line in wording.lines]
    lines = [line for line in lines if line]
    lines.sort(key=lambda line: -sum(share for _, share in line.values()))
    most = _MOST_READ if len(lines) == 1 else _MOST_READ_OF_LINE
    best = float(keyword.max(initial=0.0))
    found = dict.fromkeys(_holding_rare(postings, allowed))
    for line in lines[:_MOST_LINES]:
        held = np.zeros(len(keyword), np.float32)
        for term, (weight, _) in line.items():
            held[postings[term]] += np.float32(weight)
        if allowed is not None:
            held[~allowed] = 0.0
        whole = sum(weight for weight, _ in line.values())
        needed = sum(share for _, share in line.values())
        rows = np.flatnonzero(held >= np.float32(_LEAST_HELD * needed))
        order = held[rows] + (_TIE / best * keyword[rows] if best > 0 else 0.0)
        holding_all = int((held[rows] >= np.float32(_ALL * whole)).sum())
        wanted = max(most, min(holding_all, _MOST_HOLDING_ALL) if len(line) > 1 else 0)
        if len(rows) > wanted:
            kept = np.argpartition(-order, wanted)[:wanted]
            rows, order = rows[kept], order[kept]
        found |= dict.fromkeys(rows[np.lexsort((rows, -order))].tolist())
    return Promising(list(found), frequencies)


def _holding_rare(postings: Mapping[str, Rows], allowed: NDArray[np.bool_] | None) -> list[int]:
    few = sorted((rows for rows in postings.values() if 0 < len(rows) <= _FEW_CHUNKS), key=len)
    held = [row for rows in few[:_MOST_RARE_WORDS] for row in rows.tolist()]
    return [row for row in held if allowed is None or allowed[row]]


def _weighted(
    line: tuple[AskedWord, ...], frequencies: Mapping[str, int], chunks: int
) -> dict[str, tuple[float, float]]:
    """Return for each distinct term of a line that occurs its weight, and what of it is needed."""
    found: dict[str, tuple[float, float]] = {}
    for word in line:
        weight = rarity(frequencies.get(word.term, 0), chunks)
        if weight:
            found[word.term] = max(found.get(word.term, (0.0, 0.0)), (weight, weight * word.share))
    return found
