"""Nearest vectors of a version: each segment is walked or scanned, and the best of all are taken.

Removed chunks stay in the graph that is walked. More is fetched than is wanted, they are dropped
here, and where too few are left the search is repeated with more breadth, and at last exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, LiteralString, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pgvector import HalfVector, Vector
from psycopg import sql

from coco_core.types import FloatVector
from coco_server.store.sealing import search_is_exact
from coco_server.store.segments import Layout, Segment
from coco_server.store.session import TenantSession
from coco_server.store.tables import Parts, by_key, in_version, keys_placeholder
from coco_server.store.versions import Version

__all__ = ["NearestChunks", "metadata_statement"]

# HNSW returns at most as many rows as it keeps candidates; pgvector allows no more than this.
_MOST_HNSW_CANDIDATES = 1000

# With fewer candidates than this recall@10 falls below 0.99 on real text of some thousand chunks;
# with more chunks the same needs more of them, about by the square root.
_LEAST_HNSW_CANDIDATES = 120
_FEW_CHUNKS = 6_000

# A walk that must skip most of what it meets costs several times as much as one that need not.
_WALK_UNDER_FILTER = 4

# What was removed may lie together, near the query: so many times what chance would put there.
_REMOVED_TOGETHER = 3

_EXACT: LiteralString = "embedding <#> %(query)s"
_APPROXIMATE: LiteralString = "embedding::halfvec({dimension}) <#> %(half)s"

_NEAREST: LiteralString = """
    SELECT chunk_key, embedding <#> %(query)s AS distance
    FROM {chunk_vectors} {where} ORDER BY {distance} LIMIT %(most)s
"""
_NEAREST_OF_ALL: LiteralString = """
    SELECT chunk_key, distance FROM ({every}) ORDER BY distance LIMIT %(most)s
"""

_ALLOWED: LiteralString = "WHERE chunk_key = ANY({keys})"
_NOT_REMOVED: LiteralString = "WHERE NOT chunk_key = ANY(%(removed)s)"

# A plan for these very keys looks them up by their hash; one that is kept compares each with each,
# which is faster up to about so many.
_MANY_COMPARISONS = 200_000

_DISTANCES: LiteralString = """
    SELECT chunk_key, embedding <#> %(query)s FROM {chunk_vectors} WHERE chunk_key = ANY({keys})
"""
_METADATA: LiteralString = """
    SELECT chunk_key, doc_id, kind, language, symbol, definitions, start_line, end_line, token_count
    FROM {source_chunks} WHERE chunk_key = ANY({keys})
"""

# How many chunks pass a filter decides how they are best found, and with the vector as a parameter
# a walk takes twice as long.
_FOR_ITSELF: Mapping[str, str] = {"plan_cache_mode": "force_custom_plan"}
# The planner must not take a scan for cheaper, of the table or of all keys: the more candidates a
# walk keeps, the dearer it thinks the walk. Only what comes from the graph need not be sorted.
_WALKING: Mapping[str, str] = {**_FOR_ITSELF, "enable_seqscan": "off", "enable_sort": "off"}
# What follows in the transaction looks rows up by their keys.
_LOOKING_UP: Mapping[str, str] = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "on",
    "enable_sort": "on",
}

Rows: TypeAlias = list[tuple[Any, ...]]
Distances: TypeAlias = list[tuple[int, float]]
"""Keys and negative inner products."""


class NearestChunks:
    """Finds the nearest vectors of one version in the session's transaction."""

    def __init__(self, session: TenantSession, version: Version, layout: Layout) -> None:
        self._session = session
        self._version = version
        self._layout = layout
        self._walked = [each for each in layout.parts if each.approximate]
        """The segments that have a graph."""
        self._scanned = [each for each in layout.parts if not each.approximate]

    def search(
        self,
        picked: Sequence[int],
        vector: FloatVector,
        allowed: NDArray[np.int32] | None,
        wanted: int,
    ) -> Rows:
        """Return metadata and similarities of the picked chunks and of the nearest vectors.

        Args:
            picked: keys of chunks that are wanted whatever their distance.
            vector: the query.
            allowed: int32[n], ascending: the keys that pass the filter; None when all do.
            wanted: the nearest vectors.
        """
        nearest = None
        if self._walks_index(allowed, wanted):
            # None: it ended before it had met enough chunks that may be shown.
            nearest = self._walk(vector, allowed, wanted)
        if nearest is None:
            nearest = self._exact(vector, allowed, wanted)
        return self._with_metadata(picked, vector, dict(nearest))

    def _walks_index(self, allowed: NDArray[np.int32] | None, wanted: int) -> bool:
        if not self._walked or wanted > _MOST_HNSW_CANDIDATES:
            return False
        few = allowed is not None and search_is_exact(
            len(allowed) // _WALK_UNDER_FILTER, self._version.dimension
        )
        return not few

    def _walk(
        self, vector: FloatVector, allowed: NDArray[np.int32] | None, wanted: int
    ) -> Distances | None:
        """Walk the graphs, more widely when much of what is met was removed; None if in vain."""
        most = min(wanted + self._removed_among(wanted, allowed), _MOST_HNSW_CANDIDATES)
        while True:
            met = self._met(vector, allowed, most)
            nearest = self._without_removed(met)[:wanted]
            if len(nearest) >= min(wanted, self._version.embedded_count):
                return nearest
            if allowed is None and not len(self._layout.removed):
                return nearest
            if allowed is not None or most >= _MOST_HNSW_CANDIDATES:
                return None
            most = min(4 * most, _MOST_HNSW_CANDIDATES)

    def _removed_among(self, wanted: int, allowed: NDArray[np.int32] | None) -> int:
        """Return how many removed chunks are expected among the nearest; a filter drops them."""
        removed = len(self._layout.removed)
        if not removed or allowed is not None:
            return 0
        share = removed / (removed + self._version.chunk_count)
        return min(removed, math.ceil(_REMOVED_TOGETHER * share * wanted / (1 - share)) + 10)

    def _without_removed(self, met: Distances) -> Distances:
        """Return what was not removed, nearest first; ties are broken by key."""
        met = sorted(met, key=lambda each: (each[1], each[0]))
        if not len(self._layout.removed):
            return met
        keys = np.array([key for key, _ in met], np.int32)
        live = np.flatnonzero(~np.isin(keys, self._layout.removed, kind="sort"))
        return [met[place] for place in live.tolist()]

    def _breadth(self, allowed: NDArray[np.int32] | None, most: int) -> int:
        """Return how many candidates a walk keeps, so that it misses next to nothing."""
        largest = max(each.embedded_count for each in self._walked)
        growth = math.sqrt(max(1.0, largest / _FEW_CHUNKS))
        share = 1.0 if allowed is None else len(allowed) / max(1, self._version.chunk_count)
        breadth = round(max(most, _LEAST_HNSW_CANDIDATES) * growth / share)
        return min(breadth, _MOST_HNSW_CANDIDATES)

    def _met(self, vector: FloatVector, allowed: NDArray[np.int32] | None, most: int) -> Distances:
        """Return what a walk of the graphs meets; segments without a graph are scanned."""
        settings = {
            **_WALKING,
            "hnsw.ef_search": str(self._breadth(allowed, most)),
            "hnsw.iterative_scan": "off" if allowed is None else "relaxed_order",
        }
        values: dict[str, object] = {"query": Vector(vector), "most": most}
        where: LiteralString = ""
        if allowed is not None:
            where = _ALLOWED
            values |= self._layout.shares(allowed)
        walk = self._searching(_APPROXIMATE, self._walked, where)
        scan = self._searching(_EXACT, self._scanned, where) if self._scanned else None
        connection = self._session.connection
        # All are sent together, and answered together.
        with connection.pipeline():
            self._set(settings)
            found = [connection.execute(walk, {**values, "half": HalfVector(vector)}, binary=True)]
            if allowed is None:
                # Without a filter a scan is always the same, and is not planned each time.
                self._set(_LOOKING_UP)
            if scan is not None:
                found.append(connection.execute(scan, values, binary=True))
            if allowed is not None:
                self._set(_LOOKING_UP)
        return [row for each in found for row in each.fetchall()]

    def _exact(
        self, vector: FloatVector, allowed: NDArray[np.int32] | None, wanted: int
    ) -> Distances:
        """Return the nearest vectors by a scan of all segments."""
        values: dict[str, object] = {"query": Vector(vector), "most": wanted}
        where: LiteralString = ""
        planned = allowed is not None
        if allowed is not None:
            where = _ALLOWED
            values |= self._layout.shares(allowed)
        elif len(self._layout.removed):
            where = _NOT_REMOVED
            values["removed"] = self._layout.removed.tolist()
            planned = len(self._layout.removed) * self._layout.span > _MANY_COMPARISONS
        statement = self._searching(_EXACT, self._layout.parts, where)
        connection = self._session.connection
        if not planned:
            return connection.execute(statement, values, binary=True).fetchall()
        with connection.pipeline():
            self._set(_FOR_ITSELF)
            found = connection.execute(statement, values, binary=True)
            self._set(_LOOKING_UP)
        return found.fetchall()

    def _searching(
        self, distance: LiteralString, parts: Sequence[Segment], where: LiteralString
    ) -> bytes:
        """Return the statement for the nearest vectors of some segments."""
        numbers = tuple(
            (place, each.segment_no)
            for place, each in enumerate(self._layout.parts)
            if each in parts
        )
        return _nearest_statement(numbers, distance, self._version.dimension, where)

    def _set(self, settings: Mapping[str, str]) -> None:
        """Change settings until the transaction ends."""
        calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
        pairs = [each for setting in settings.items() for each in setting]
        self._session.connection.execute(f"SELECT {calls}", pairs)

    def _with_metadata(
        self, picked: Sequence[int], vector: FloatVector, distances: Mapping[int, float]
    ) -> Rows:
        """Return the metadata and similarities of the picked chunks and of the nearest ones."""
        connection, parts, shares = (
            self._session.connection,
            self._version.parts,
            self._layout.shares,
        )
        others = [key for key in picked if key not in distances]
        if not others:
            rows = connection.execute(metadata_statement(parts), shares(distances), binary=True)
            return [(*row, -distances[row[0]]) for row in rows]
        with connection.pipeline():
            rows = connection.execute(
                metadata_statement(parts), shares([*distances, *others]), binary=True
            )
            # Of what vectors found the distance is known; only of the others it is looked up.
            more = connection.execute(
                _distances_statement(parts),
                {"query": Vector(vector), **shares(others)},
                binary=True,
            )
        known = {**distances, **dict(more.fetchall())}
        return [(*row, -known[row[0]] if row[0] in known else None) for row in rows.fetchall()]


# As many as there are versions that are asked again and again.
@lru_cache(maxsize=1_024)
def _nearest_statement(
    parts: tuple[tuple[int, int], ...],
    distance: LiteralString,
    dimension: int,
    where: LiteralString,
) -> bytes:
    """Return the statement for segments, each with its place in the layout."""
    every = [
        in_version(
            _NEAREST,
            number,
            where=sql.SQL(where).format(keys=keys_placeholder(place)),
            distance=sql.SQL(distance).format(dimension=sql.Literal(dimension)),
        )
        for place, number in parts
    ]
    if len(every) == 1:
        return every[0].as_bytes(None)
    joined = sql.SQL(" UNION ALL ").join(sql.SQL("({})").format(each) for each in every)
    return sql.SQL(_NEAREST_OF_ALL).format(every=joined).as_bytes(None)


@lru_cache(maxsize=1_024)
def _distances_statement(parts: Parts) -> bytes:
    return by_key(_DISTANCES, parts).as_bytes(None)


@lru_cache(maxsize=1_024)
def metadata_statement(parts: Parts) -> bytes:
    """Return the statement for the metadata of chunks by the keys of each segment's."""
    return by_key(_METADATA, parts).as_bytes(None)
