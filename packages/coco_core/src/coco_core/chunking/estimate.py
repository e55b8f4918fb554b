"""An estimate of WordPiece tokens that needs no vocabulary and costs a few passes of numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["EstimatedTokenizer"]

_SPACE, _LOWER, _UPPER, _DIGIT, _OTHER, _PUNCTUATION = range(6)

# Longest run of one class that is one piece, fitted on ten languages of real code against the
# vocabulary of all-MiniLM-L6-v2: words break at camelCase humps and about every six letters,
# digits in pairs, foreign letters about every second one; punctuation is always alone.
_RUN = np.array([1 << 30, 6, 4, 2, 2, 1], np.int32)


def _classes() -> NDArray[np.uint8]:
    table = np.full(256, _OTHER, np.uint8)
    for code in range(128):
        char = chr(code)
        if char.islower():
            table[code] = _LOWER
        elif char.isupper():
            table[code] = _UPPER
        elif char.isdigit():
            table[code] = _DIGIT
        elif char.isspace() or code < 32 or code == 127:
            table[code] = _SPACE
        else:
            table[code] = _PUNCTUATION
    return table


_CLASS = _classes()


class EstimatedTokenizer:
    """Counts pieces by runs of letters, digits and punctuation; fits ``ports.Tokenizer``."""

    __slots__ = ()

    def count(self, text: str) -> int:
        """Return the estimated number of word pieces."""
        return int(np.count_nonzero(self.starts(text)))

    def spans(self, text: str) -> Sequence[tuple[int, int]]:
        """Return the half-open character range of every estimated piece."""
        if not text:
            return []
        kinds = _kinds(text)
        begins = np.flatnonzero(self.starts(text))
        # A piece ends where the next piece or white space begins.
        stops = np.flatnonzero(self.starts(text) | (kinds == _SPACE))
        stops = np.append(stops, len(text))
        ends = stops[np.searchsorted(stops, begins, side="right")]
        return list(zip(begins.tolist(), ends.tolist(), strict=True))

    @staticmethod
    def starts(text: str) -> NDArray[np.bool_]:
        """Return for every character whether a piece starts there."""
        if not text:
            return np.zeros(0, np.bool_)
        kinds = _kinds(text)
        fresh = np.empty(len(kinds), np.bool_)
        fresh[0] = True
        np.not_equal(kinds[1:], kinds[:-1], out=fresh[1:])
        # "Word": the capital belongs to the letters after it.
        fresh[1:] &= ~((kinds[1:] == _LOWER) & (kinds[:-1] == _UPPER))
        index = np.arange(len(kinds), dtype=np.int32)
        origin = np.maximum.accumulate(np.where(fresh, index, 0))
        inside: NDArray[np.bool_] = (index - origin) % _RUN[kinds] == 0
        inside &= kinds != _SPACE
        return inside


def _kinds(text: str) -> NDArray[np.uint8]:
    if text.isascii():
        return _CLASS[np.frombuffer(text.encode("ascii"), np.uint8)]
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    return _CLASS[np.minimum(codes, 255)]
