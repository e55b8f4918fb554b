"""Inverted index in memory: sorted segments, merged like an LSM tree.

A changed file adds a small segment that the next query sees; small segments are merged when they
are looked up, large ones by `compact` in the background. All arrays are numpy, so that building a
segment of four million postings takes half a second and looking a term up some microseconds.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coco_core.bm25 import FIELDS, TermVector
from coco_local.store.lance import TermTable

__all__ = ["Postings", "Segment", "segment_of"]

# A segment of this many postings is built in about 15 ms: the most that a query may have to wait.
_QUERY_MERGE_LIMIT = 200_000


@dataclass(frozen=True, slots=True)
class Segment:
    """Postings sorted by term: term i has the postings indptr[i] to indptr[i + 1]."""

    ids: NDArray[np.uint64]
    """uint64[t], ascending"""
    indptr: NDArray[np.int64]
    """int64[t + 1]"""
    rows: NDArray[np.int32]
    """int32[p]"""
    frequencies: NDArray[np.uint8]
    """uint8[p, fields]"""

    @classmethod
    def build(
        cls, ids: NDArray[np.uint64], rows: NDArray[np.int32], frequencies: NDArray[np.uint8]
    ) -> Segment:
        """Sort postings (ids[p], rows[p], frequencies[p, fields]) by term."""
        order = np.argsort(ids, kind="stable")
        ordered = ids[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ids) else ids[:0]
        return cls(
            ids=ordered[starts.astype(np.int64)],
            indptr=np.r_[starts, len(ids)].astype(np.int64),
            rows=rows[order],
            frequencies=frequencies[order],
        )

    def expand(self) -> tuple[NDArray[np.uint64], NDArray[np.int32], NDArray[np.uint8]]:
        """Return the postings that `build` takes."""
        return np.repeat(self.ids, np.diff(self.indptr)), self.rows, self.frequencies

    def find(self, term: np.uint64) -> slice | None:
        """Return where the postings of a term stand."""
        position = int(np.searchsorted(self.ids, term))
        if position == len(self.ids) or self.ids[position] != term:
            return None
        return slice(int(self.indptr[position]), int(self.indptr[position + 1]))


class Postings:
    """Rows and field frequencies by term; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._pending: list[tuple[int, TermVector]] = []

    def add(self, rows: Sequence[int], terms: Sequence[TermVector]) -> None:
        """Add the terms of new rows."""
        with self._lock:
            self._pending += zip(rows, terms, strict=True)

    def add_segment(self, segment: Segment) -> None:
        """Add postings that are sorted already."""
        with self._lock:
            self._segments.append(segment)

    def lookup(self, terms: Sequence[int]) -> list[tuple[NDArray[np.int32], NDArray[np.uint8]]]:
        """Return (rows, frequencies) of each term, deleted rows included."""
        with self._lock:
            self._settle(_QUERY_MERGE_LIMIT)
            segments = list(self._segments)
        return [_gather(segments, np.uint64(term)) for term in terms]

    def counts(self, terms: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return how many rows hold each of many terms, deleted rows included."""
        with self._lock:
            self._settle(_QUERY_MERGE_LIMIT)
            segments = list(self._segments)
        found = np.zeros(len(terms), np.int64)
        for segment in segments:
            if not len(segment.ids):
                continue
            places = np.minimum(np.searchsorted(segment.ids, terms), len(segment.ids) - 1)
            rows = np.diff(segment.indptr)[places]
            found += np.where(segment.ids[places] == terms, rows, 0)
        return found

    def settle(self) -> None:
        """Sort what was added, so that no query has to; for the background."""
        with self._lock:
            self._settle(_QUERY_MERGE_LIMIT)

    def compact(self, live: NDArray[np.bool_]) -> None:
        """Merge all segments into one and drop the postings of deleted rows; for the background."""
        with self._lock:
            self._settle(0)
            merged = list(self._segments)
        if len(merged) < 2:
            return
        segment = _merge(merged, live)
        with self._lock:
            # Segments that arrived meanwhile stand behind those that were merged.
            self._segments = [segment, *self._segments[len(merged) :]]

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of all segments, which never change, under names of their own."""
        return {
            f"segment_{number}_{part}": getattr(segment, part)
            for number, segment in enumerate(self.drain())
            for part in Segment.__slots__
        }

    def load_arrays(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the segments that `to_arrays` returned."""
        for number in itertools.count():
            if f"segment_{number}_ids" not in arrays:
                return
            parts = [arrays[f"segment_{number}_{part}"] for part in Segment.__slots__]
            self.add_segment(Segment(*parts))

    def drain(self) -> list[Segment]:
        """Return all segments."""
        with self._lock:
            self._settle(0)
            return list(self._segments)

    def segments(self) -> int:
        """Return the number of segments, for the decision to compact."""
        with self._lock:
            return len(self._segments)

    def _settle(self, merge_limit: int) -> None:
        """Turn pending rows into a segment, and merge small neighbors up to ``merge_limit``."""
        if self._pending:
            rows = np.array([row for row, _ in self._pending], np.int32)
            counts = [len(term.ids) for _, term in self._pending]
            self._segments.append(
                Segment.build(
                    np.concatenate([term.ids for _, term in self._pending]),
                    np.repeat(rows, counts),
                    np.concatenate([term.frequencies for _, term in self._pending]),
                )
            )
            self._pending = []
        # Merging equals keeps the number of segments logarithmic in what was added.
        while (
            len(self._segments) > 1
            and len(self._segments[-2].rows) <= 2 * len(self._segments[-1].rows)
            and len(self._segments[-2].rows) + len(self._segments[-1].rows) <= merge_limit
        ):
            last = self._segments.pop()
            self._segments[-1] = _merge([self._segments[-1], last], None)


def _merge(segments: Sequence[Segment], live: NDArray[np.bool_] | None) -> Segment:
    parts = [segment.expand() for segment in segments]
    ids = np.concatenate([part[0] for part in parts])
    rows = np.concatenate([part[1] for part in parts])
    frequencies = np.concatenate([part[2] for part in parts])
    if live is not None:
        kept = live[rows]
        ids, rows, frequencies = ids[kept], rows[kept], frequencies[kept]
    return Segment.build(ids, rows, frequencies)


def _gather(
    segments: Sequence[Segment], term: np.uint64
) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    found = [(segment, place) for segment in segments if (place := segment.find(term)) is not None]
    if len(found) == 1:
        segment, place = found[0]
        return segment.rows[place], segment.frequencies[place]
    if not found:
        return np.empty(0, np.int32), np.empty((0, len(FIELDS)), np.uint8)
    return (
        np.concatenate([segment.rows[place] for segment, place in found]),
        np.concatenate([segment.frequencies[place] for segment, place in found]),
    )


def segment_of(table: TermTable, order: NDArray[np.int64]) -> Segment:
    """Return the postings of the table's chunks in the given order; row i is the i-th of them."""
    counts = (table.indptr[1:] - table.indptr[:-1])[order]
    starts = table.indptr[:-1][order]
    # Positions of all picked postings: for each chunk its start, then one after the other.
    ends = np.cumsum(counts)
    picked = np.arange(int(ends[-1]) if len(ends) else 0) + np.repeat(
        starts - (ends - counts), counts
    )
    rows = np.repeat(np.arange(len(order), dtype=np.int32), counts)
    return Segment.build(table.ids[picked], rows, table.frequencies[picked])
