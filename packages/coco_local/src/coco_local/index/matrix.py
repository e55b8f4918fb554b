"""Vector matrix in memory: int8 scan for candidates, float16 for exact scores.

Reading is what a scan costs. The bytes of 100,000 x 384 are read in 2 to 3 ms where float32 takes
12 to 24 (two cores, in turn); which rows may be among the best follows from the bytes' own bounds,
so the answer is that of a scan of the halves themselves, which LanceDB and the cache of embeddings
keep too. Both together are three quarters of float32. A row has the model's vector or, until that
is computed, one of the static table in the same space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from coco_core.types import FloatMatrix, FloatVector
from coco_local.index.byte_vectors import ByteVectors, encoded, scan
from coco_local.index.top_k import best_rows, kth_best

__all__ = ["VectorMatrix"]

_FIRST_CAPACITY = 1024

# Rows that are put or scored at a time, so that many need no copy of them all.
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class _Columns:
    """What is kept of each row; replaced as a whole when it grows, so that readers see one size."""

    halves: NDArray[np.float16]
    """float16[rows, d]"""
    codes: NDArray[np.int8]
    scales: NDArray[np.float32]
    lengths: NDArray[np.float32]
    residuals: NDArray[np.float32]
    """as in `ByteVectors`"""
    known: NDArray[np.bool_]
    static: NDArray[np.bool_]

    @classmethod
    def empty(cls, rows: int, dimension: int) -> Self:
        return cls(
            halves=np.zeros((rows, dimension), np.float16),
            codes=np.zeros((rows, dimension), np.int8),
            scales=np.zeros(rows, np.float32),
            lengths=np.zeros(rows, np.float32),
            residuals=np.zeros(rows, np.float32),
            known=np.zeros(rows, np.bool_),
            static=np.zeros(rows, np.bool_),
        )

    def grown(self, capacity: int) -> _Columns:
        fresh = _Columns.empty(capacity, self.halves.shape[1])
        for field in fields(self):
            old = getattr(self, field.name)
            getattr(fresh, field.name)[: len(old)] = old
        return fresh

    def put(self, rows: NDArray[np.int64], vectors: FloatMatrix) -> None:
        for start in range(0, len(rows), _BLOCK):
            some = rows[start : start + _BLOCK]
            halves = vectors[start : start + _BLOCK].astype(np.float16)
            self.halves[some] = halves
            # Of the halves, not of what was given: the bounds must hold for what is scored.
            codes = encoded(halves.astype(np.float32))
            for field in fields(codes):
                getattr(self, field.name)[some] = getattr(codes, field.name)

    def bytes_of(self, rows: int) -> ByteVectors:
        return ByteVectors(
            self.codes[:rows], self.scales[:rows], self.lengths[:rows], self.residuals[:rows]
        )


class VectorMatrix:
    """Vectors of rows, of length d; one writer at a time, readers at any time."""

    def __init__(self, dimension: int) -> None:
        self.dimension = dimension
        self._columns = _Columns.empty(0, dimension)

    def reserve(self, rows: int) -> None:
        """Make room for ``rows`` rows."""
        held = len(self._columns.known)
        if rows > held:
            self._columns = self._columns.grown(max(_FIRST_CAPACITY, rows, held * 3 // 2))

    def set(self, rows: NDArray[np.int64], vectors: FloatMatrix) -> None:
        """Give rows their vectors; the flag follows the data, so that nobody reads half of one."""
        if len(rows) == 0:
            return
        self.reserve(int(rows.max()) + 1)
        self._columns.put(rows, vectors)
        self._columns.known[rows] = True
        self._columns.static[rows] = False

    def set_static(self, rows: NDArray[np.int64], vectors: FloatMatrix) -> None:
        """Give rows that are not `known` the static table's vectors, until `set` replaces them."""
        if len(rows) == 0:
            return
        self.reserve(int(rows.max()) + 1)
        self._columns.put(rows, vectors)
        self._columns.static[rows] = True

    def to_arrays(self, rows: int) -> dict[str, NDArray[Any]]:
        """Return a copy of the first rows: which are known, and the columns of those."""
        known = self.known(rows).copy()
        picked = np.flatnonzero(known)
        columns = {f"vector_{c}": getattr(self._columns, c)[picked] for c in _VECTOR_COLUMNS}
        return {"known": known, **columns}

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the rows that `to_arrays` returned."""
        known = arrays["known"]
        count = int(known.sum())
        columns = {name: arrays[f"vector_{name}"] for name in _VECTOR_COLUMNS}
        shape = (count, self.dimension)
        if columns["halves"].shape != shape or any(len(c) != count for c in columns.values()):
            raise ValueError(f"it holds vectors of the shape {columns['halves'].shape}")
        if count == len(known):
            static = np.zeros(count, np.bool_)
            self._columns = _Columns(**columns, known=known, static=static)
            return
        self.reserve(len(known))
        rows = np.flatnonzero(known)
        for name, column in columns.items():
            getattr(self._columns, name)[rows] = column
        self._columns.known[rows] = True

    def known(self, rows: int) -> NDArray[np.bool_]:
        """Return bool[rows]: which of the first rows have the model's vector."""
        return _first(self._columns.known, rows)

    def static(self, rows: int) -> NDArray[np.bool_]:
        """Return bool[rows]: which of the first rows have a static vector."""
        return _first(self._columns.static, rows)

    def get(self, row: int) -> FloatVector | None:
        """Return one row's vector, of whichever kind."""
        columns = self._columns
        if row >= len(columns.known) or not (columns.known[row] or columns.static[row]):
            return None
        vector: FloatVector = columns.halves[row].astype(np.float32)
        return vector

    def take(self, rows: NDArray[np.int64]) -> FloatMatrix:
        """Return the vectors of rows that are known to have one."""
        return self._columns.halves[rows].astype(np.float32)

    def best(
        self, query: FloatVector, allowed: NDArray[np.bool_], k: int
    ) -> tuple[NDArray[np.int64], FloatVector]:
        """Return the k rows of highest cosine to the query among those allowed, and the cosines.

        Args:
            query: float32[d].
            allowed: bool[rows]; rows that have a vector.
            k: fewer are returned when fewer are allowed.
        """
        columns = self._columns
        if k <= 0:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        allowed = allowed[: len(columns.known)]
        rows = np.flatnonzero(allowed)
        if len(rows) > k:
            found = scan(query, columns.bytes_of(len(allowed)))
            lowest = np.where(allowed, found.products - found.radius, -np.inf)
            highest = np.where(allowed, found.products + found.radius, -np.inf)
            rows = np.flatnonzero(highest >= kth_best(lowest, k))
        cosines = self.cosines(query, rows)
        best = best_rows(cosines, k, -np.inf)
        return rows[best], cosines[best]

    def cosines(self, query: FloatVector, rows: NDArray[np.int64]) -> FloatVector:
        """Return float32[n]: the cosine of each row's vector to the query, 0 where there is none.

        A row's own is the same whatever rows it is asked with.
        """
        halves = self._columns.halves
        cosines = np.zeros(len(rows), np.float32)
        for start in range(0, len(rows), _BLOCK):
            part = rows[start : start + _BLOCK]
            held = part < len(halves)
            vectors = halves[part[held]].astype(np.float32)
            vectors *= query
            cosines[start : start + _BLOCK][held] = vectors.sum(axis=1)
        return cosines


_VECTOR_COLUMNS = ("halves", *(field.name for field in fields(ByteVectors)))


def _first(flags: NDArray[np.bool_], rows: int) -> NDArray[np.bool_]:
    first = flags[:rows]
    return first if len(first) == rows else np.pad(first, (0, rows - len(first)))
