"""A closed set of names as small integers, one for each row: filters compare arrays, not texts."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowCodes"]

_FIRST_CAPACITY = 1024


class RowCodes:
    """One name for each row; rows are appended in order."""

    def __init__(self) -> None:
        self._code_of: dict[str, int] = {}
        self._codes = np.zeros(_FIRST_CAPACITY, np.uint16)
        self._rows = 0

    def append(self, names: Sequence[str]) -> None:
        """Give the next rows their names."""
        end = self._rows + len(names)
        if end > len(self._codes):
            grown = np.zeros(max(end, len(self._codes) * 3 // 2), np.uint16)
            grown[: self._rows] = self._codes[: self._rows]
            self._codes = grown
        codes = [self._code_of.setdefault(name, len(self._code_of)) for name in names]
        self._codes[self._rows : end] = codes
        self._rows = end

    def among(self, names: Collection[str], rows: int) -> NDArray[np.bool_]:
        """Return bool[rows]: which of the first rows have one of the names."""
        codes = [code for name in names if (code := self._code_of.get(name)) is not None]
        return np.isin(self._codes[:rows], codes)
