"""Lengths of any part of a text in the config's unit, after one pass over the text."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coco_core.chunking.estimate import EstimatedTokenizer
from coco_core.configs import SizeUnit
from coco_core.ports import Tokenizer

__all__ = ["Ruler"]


class Ruler:
    """Counts tokens between two character offsets by a difference of two table entries."""

    __slots__ = ("_before", "in_tokens", "tokenizer")

    def __init__(self, text: str, unit: SizeUnit, tokenizer: Tokenizer | None = None) -> None:
        """Measure ``text`` once; without a tokenizer the count is the estimate."""
        self.in_tokens = unit == "tokens"
        self.tokenizer = tokenizer or EstimatedTokenizer()
        if tokenizer is None:
            starts = EstimatedTokenizer.starts(text)
        else:
            starts = np.zeros(len(text), np.bool_)
            spans = tokenizer.spans(text)
            starts[[start for start, end in spans if end > start]] = True
        # before[i]: tokens that start before character i.
        self._before: NDArray[np.int32] = np.zeros(len(text) + 1, np.int32)
        np.cumsum(starts, out=self._before[1:])

    def tokens(self, start: int, end: int) -> int:
        """Return the number of tokens that start in a range of characters."""
        return int(self._before[end] - self._before[start])

    def token_starts(self) -> list[int]:
        """Return the character offset of every token."""
        starts: list[int] = np.flatnonzero(np.diff(self._before)).tolist()
        return starts

    def marks(self, offsets: list[int]) -> list[int]:
        """Return the length of the text before each offset, in the config's unit."""
        return self.token_marks(offsets) if self.in_tokens else offsets

    def token_marks(self, offsets: list[int]) -> list[int]:
        """Return the number of tokens before each offset."""
        marks: list[int] = self._before[offsets].tolist()
        return marks

    def length(self, start: int, end: int) -> int:
        """Return the length of a range of characters in the config's unit."""
        return self.tokens(start, end) if self.in_tokens else end - start

    def reach(self, start: int, size: int) -> int:
        """Return the largest end for which the range from ``start`` is no longer than ``size``."""
        if not self.in_tokens:
            return min(start + size, len(self._before) - 1)
        limit = self._before[start] + size
        return int(np.searchsorted(self._before, limit, side="right")) - 1

    def retreat(self, end: int, size: int) -> int:
        """Return the smallest start for which the range to ``end`` is no longer than ``size``."""
        if not self.in_tokens:
            return max(end - size, 0)
        return int(np.searchsorted(self._before, self._before[end] - size, side="left"))
