"""Dictionary-encoded column: a closed set of names as small integers, one for each row.

Filters compare arrays, not texts.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["DictionaryColumn"]

_FIRST_CAPACITY = 1024


class DictionaryColumn:
    """One name for each row; rows are appended in order."""

    def __init__(self) -> None:
        self.names: list[str] = []
        """The names, by code."""
        self._code_of: dict[str, int] = {}
        self._codes = np.zeros(_FIRST_CAPACITY, np.uint16)
        self._rows = 0

    @classmethod
    def of(cls, names: Sequence[str], codes: NDArray[np.uint16]) -> DictionaryColumn:
        """Return the rows with the given codes, uint16[rows], into ``names``."""
        made = cls()
        made.names = list(names)
        made._code_of = {name: code for code, name in enumerate(names)}
        made._codes, made._rows = codes, len(codes)
        return made

    def codes(self) -> NDArray[np.uint16]:
        """Return a copy of uint16[rows]: each row's place in `names`."""
        return self._codes[: self._rows].copy()

    def append(self, names: Sequence[str]) -> None:
        """Give the next rows their names."""
        end = self._rows + len(names)
        if end > len(self._codes):
            grown = np.zeros(max(end, _FIRST_CAPACITY, len(self._codes) * 3 // 2), np.uint16)
            grown[: self._rows] = self._codes[: self._rows]
            self._codes = grown
        self._codes[self._rows : end] = [self._code(name) for name in names]
        self._rows = end

    def __getitem__(self, row: int) -> str:
        return self.names[int(self._codes[row])]

    def among(self, names: Collection[str], rows: int) -> NDArray[np.bool_]:
        """Return bool[rows]: which of the first rows have one of the names."""
        codes = [code for name in names if (code := self._code_of.get(name)) is not None]
        return np.isin(self._codes[:rows], codes)

    def _code(self, name: str) -> int:
        code = self._code_of.get(name)
        if code is None:
            code = self._code_of[name] = len(self.names)
            self.names.append(name)
        return code
