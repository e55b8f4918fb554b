"""Search for near vectors: pairs within a distance, and the nearest of the earlier ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["SeenVectors", "connected_groups", "normalized"]

# Rows compared with all others in one step: 1,024 x 100,000 float32 are 400 MB at most.
ROWS = 1024


def normalized(vectors: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the vectors as rows of length 1; a zero vector stays."""
    rows = np.stack([np.asarray(vector, dtype=np.float32).reshape(-1) for vector in vectors])
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(lengths > 0, lengths, 1)).astype(np.float32)


def connected_groups(rows: NDArray[np.float32], least: float) -> list[list[int]]:
    """Return the groups of rows that are connected by similarities of at least `least`.

    Similarities are rounded differently in large and small products, so a little less counts too:
    a needless connection costs nothing but concurrency.
    """
    slack = np.float32(least) - np.float32(1e-5)
    parent = list(range(len(rows)))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for start in range(0, len(rows), ROWS):
        near = rows[start : start + ROWS] @ rows.T >= slack
        for offset, other in zip(*np.nonzero(near), strict=True):
            first, second = root(start + int(offset)), root(int(other))
            # The smallest index is the root, so that groups come out in order.
            parent[max(first, second)] = min(first, second)
    groups: dict[int, list[int]] = {}
    for index in range(len(rows)):
        groups.setdefault(root(index), []).append(index)
    return list(groups.values())


class SeenVectors:
    """Names and their vectors, in the order in which they were added."""

    def __init__(self, capacity: int, size: int) -> None:
        self._rows = np.empty((capacity, size), dtype=np.float32)
        self._names: list[str] = []

    def add(self, name: str, row: NDArray[np.float32]) -> None:
        """Add a name."""
        self._rows[len(self._names)] = row
        self._names.append(name)

    def nearest(self, row: NDArray[np.float32], least: float) -> list[str]:
        """Return the names with a similarity of at least `least`, the nearest first."""
        scores = self._rows[: len(self._names)] @ row
        order = np.argsort(-scores, kind="stable")
        return [self._names[index] for index in order if scores[index] >= np.float32(least)]
