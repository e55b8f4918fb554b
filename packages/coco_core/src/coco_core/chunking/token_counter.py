"""Token counter: the length of any part of a text after one pass over the text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coco_core.chunking.estimate import EstimatedTokenizer, estimated_runs
from coco_core.configs import SizeUnit
from coco_core.ports import Tokenizer

__all__ = ["TokenCounter"]


class TokenCounter:
    """Counts tokens between two character offsets by their ranks among all token starts."""

    __slots__ = ("_known", "_text", "_tokenizer", "in_tokens")

    def __init__(self, text: str, unit: SizeUnit, tokenizer: Tokenizer | None = None) -> None:
        """Measure ``text``; without a tokenizer the count is the estimate."""
        self.in_tokens = unit == "tokens"
        self._text = text
        self._tokenizer = tokenizer
        self._known: NDArray[np.int64] | None = None

    @property
    def _starts(self) -> NDArray[np.int64]:
        if self._known is None:
            if self._tokenizer is None:
                self._known = EstimatedTokenizer.starts(self._text)
            else:
                spans = self._tokenizer.spans(self._text)
                starts = [start for start, end in spans if end > start]
                self._known = np.unique(np.array(starts, np.int64))
        return self._known

    def line_tokens(self, starts: list[int]) -> list[int]:
        """Return the number of tokens before each line; cheaper than for other offsets."""
        if self._tokenizer is not None:
            return self.tokens(starts)
        # The estimate's runs never cross a line end but for white space, which has no tokens.
        runs, before, _ = estimated_runs(self._text)
        counts: list[int] = before[np.searchsorted(runs, starts)].tolist()
        return counts

    @property
    def token_starts(self) -> list[int]:
        """The character offset of every token."""
        starts: list[int] = self._starts.tolist()
        return starts

    def tokens(self, offsets: Sequence[int]) -> list[int]:
        """Return the number of tokens that start before each offset."""
        counts: list[int] = np.searchsorted(self._starts, offsets).tolist()
        return counts

    def length(self, start: int, end: int) -> int:
        """Return the length of a range of characters in the config's unit."""
        if not self.in_tokens:
            return end - start
        before, after = self.tokens((start, end))
        return after - before

    def reach(self, start: int, size: int) -> int:
        """Return the largest end for which the range from ``start`` is no longer than ``size``."""
        if not self.in_tokens:
            return min(start + size, len(self._text))
        beyond = int(np.searchsorted(self._starts, start)) + size
        return int(self._starts[beyond]) if beyond < len(self._starts) else len(self._text)

    def backtrack(self, end: int, size: int) -> int:
        """Return the smallest useful start for which the range to ``end`` is at most ``size``."""
        if not self.in_tokens:
            return max(end - size, 0)
        first = int(np.searchsorted(self._starts, end)) - size
        return int(self._starts[first]) if first > 0 else 0
