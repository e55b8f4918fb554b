"""Nearest vectors of a version: each segment is walked or scanned, and the best of all are taken.

Removed chunks stay in the graph that is walked. More is fetched than is wanted, they are dropped
here, and where too few are left the search is repeated with more breadth, and at last exactly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, LiteralString

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
    SELECT chunk_key, embedding <#> %(query)s AS distance, {place} AS place
    FROM {chunk_vectors} {where} ORDER BY {distance} LIMIT %(most)s
"""
_NEAREST_OF_ALL: LiteralString = """
    SELECT chunk_key, distance, place FROM ({every}) ORDER BY distance LIMIT %(most)s
"""

# Of what vectors found the distance is known; only what keywords alone picked is looked up.
_FOUND: LiteralString = """
    WITH nearest AS MATERIALIZED ({nearest}),
    found AS MATERIALIZED (SELECT chunk_key, distance, place FROM nearest {picked})
    {metadata}
"""
_PICKED: LiteralString = """
    UNION ALL
    SELECT key, (SELECT embedding <#> %(query)s FROM {chunk_vectors} WHERE chunk_key = key), {place}
    FROM unnest({keys}) AS key WHERE key NOT IN (SELECT chunk_key FROM nearest)
"""
# Each key is looked up only in the segment that has it.
_METADATA_OF_FOUND: LiteralString = """
    SELECT chunk_key, doc_id, kind, language, symbol, definitions, start_line, end_line,
        token_count, -distance
    FROM found JOIN {source_chunks} USING (chunk_key) WHERE place = {place}
"""
_METADATA_BY_KEY: LiteralString = """
    SELECT chunk_key, doc_id, kind, language, symbol, definitions, start_line, end_line, token_count
    FROM {source_chunks} WHERE chunk_key = ANY({keys})
"""

Rows = list[tuple[Any, ...]]


class NearestChunks:
    """Finds the nearest vectors of one version in the session's transaction."""

    def __init__(self, session: TenantSession, version: Version, layout: Layout) -> None:
        self._session = session
        self._version = version
        self._layout = layout
        self._walked = [each for each in layout.parts if each.approximate]
        """The segments that have a graph."""

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
        if allowed is not None:
            # How many chunks pass decides how they are best found.
            self._set("plan_cache_mode", "force_custom_plan")
        if self._walks_index(allowed, wanted):
            rows = self._walk(picked, vector, allowed, wanted)
            if rows is not None:
                if len(self._layout.parts) > 1:
                    # A plan for many tables is worth keeping; making one for one costs nothing.
                    self._set("plan_cache_mode", "force_generic_plan")
                return rows
            # The walk ended before it had met enough chunks that may be shown.
            self._set("enable_seqscan", "on")
        return self._fetch(_EXACT, picked, vector, allowed, wanted)

    def _walks_index(self, allowed: NDArray[np.int32] | None, wanted: int) -> bool:
        if not self._walked or wanted > _MOST_HNSW_CANDIDATES:
            return False
        few = allowed is not None and search_is_exact(
            len(allowed) // _WALK_UNDER_FILTER, self._version.dimension
        )
        return not few

    def _walk(
        self,
        picked: Sequence[int],
        vector: FloatVector,
        allowed: NDArray[np.int32] | None,
        wanted: int,
    ) -> Rows | None:
        """Walk the graphs, more widely when much of what is met was removed; None if in vain."""
        most = min(wanted + self._removed_among(wanted, allowed), _MOST_HNSW_CANDIDATES)
        while True:
            self._prepare_walk(allowed, most)
            rows = self._fetch(_APPROXIMATE, picked, vector, allowed, most)
            live, nearest = self._without_removed(rows, picked, wanted)
            if nearest >= min(wanted, self._version.embedded_count):
                return live
            if allowed is None and not len(self._layout.removed):
                return live
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

    def _without_removed(self, rows: Rows, picked: Sequence[int], wanted: int) -> tuple[Rows, int]:
        """Drop what was removed and what is beyond the nearest ``wanted``; returns their number."""
        if not len(self._layout.removed):
            return rows, len(rows)
        keys = np.array([row[0] for row in rows], np.int32)
        live = np.flatnonzero(~np.isin(keys, self._layout.removed, kind="sort"))
        near = [place for place in live.tolist() if rows[place][9] is not None]
        near.sort(key=lambda place: (-rows[place][9], rows[place][0]))
        kept = set(near[:wanted])
        also = set(picked)
        found = [rows[at] for at in live.tolist() if at in kept or rows[at][0] in also]
        return found, len(kept)

    def _prepare_walk(self, allowed: NDArray[np.int32] | None, most: int) -> None:
        filtering = "off" if allowed is None else "relaxed_order"
        # The planner must not take a scan for cheaper because of a setting that it does not know;
        # what follows in the transaction looks rows up by their keys.
        self._session.connection.execute(
            "SELECT set_config('enable_seqscan', 'off', true), "
            # With the vector as a parameter the walk takes twice as long.
            "set_config('plan_cache_mode', 'force_custom_plan', true), "
            "set_config('hnsw.ef_search', %s, true), set_config('hnsw.iterative_scan', %s, true)",
            (str(self._breadth(allowed, most)), filtering),
        )

    def _breadth(self, allowed: NDArray[np.int32] | None, most: int) -> int:
        """Return how many candidates a walk keeps, so that it misses next to nothing."""
        largest = max(each.embedded_count for each in self._walked)
        growth = math.sqrt(max(1.0, largest / _FEW_CHUNKS))
        share = 1.0 if allowed is None else len(allowed) / max(1, self._version.chunk_count)
        breadth = round(max(most, _LEAST_HNSW_CANDIDATES) * growth / share)
        return min(breadth, _MOST_HNSW_CANDIDATES)

    def _set(self, name: LiteralString, value: LiteralString) -> None:
        """Change a setting until the transaction ends."""
        self._session.connection.execute("SELECT set_config(%s, %s, true)", (name, value))

    def _fetch(
        self,
        distance: LiteralString,
        picked: Sequence[int],
        vector: FloatVector,
        allowed: NDArray[np.int32] | None,
        most: int,
    ) -> Rows:
        values: dict[str, object] = {
            "query": Vector(vector),
            "half": HalfVector(vector),
            "most": most,
        }
        where: LiteralString = ""
        if allowed is not None:
            where = "WHERE chunk_key = ANY({allowed})"
            values |= _by_segment(self._layout.parts, allowed)
        elif distance is _EXACT and len(self._layout.removed):
            where = "WHERE NOT chunk_key = ANY(%(removed)s)"
            values["removed"] = self._layout.removed.tolist()
        if picked:
            values |= self._layout.shares(picked)
        walked = distance is _APPROXIMATE
        statement = _search_statement(
            tuple((each.segment_no, walked and each.approximate) for each in self._layout.parts),
            self._version.dimension,
            bool(picked),
            where,
        )
        return self._session.connection.execute(statement, values, binary=True).fetchall()


def _by_segment(parts: Sequence[Segment], allowed: NDArray[np.int32]) -> Mapping[str, object]:
    """Return each segment's share of the keys that pass, by the name of its parameter."""
    return {
        f"allowed_{each.segment_no:d}": allowed[
            np.searchsorted(allowed, each.first_key) : np.searchsorted(allowed, each.end_key)
        ].tolist()
        for each in parts
    }


# As many as there are versions that are asked again and again.
@lru_cache(maxsize=1_024)
def _search_statement(
    parts: tuple[tuple[int, bool], ...],
    dimension: int,
    picked: bool,
    where: LiteralString,
) -> bytes:
    """Return the statement for segments, each with whether its graph is walked."""
    every = [
        in_version(
            _NEAREST,
            number,
            place=sql.Literal(place),
            where=sql.SQL(where).format(allowed=sql.Placeholder(f"allowed_{number:d}")),
            # What has no graph is scanned, and ordered by what it is merged by.
            distance=sql.SQL(_APPROXIMATE if walked else _EXACT).format(
                dimension=sql.Literal(dimension)
            ),
        )
        for place, (number, walked) in enumerate(parts)
    ]
    nearest: sql.Composed = every[0]
    if len(every) > 1:
        joined = sql.SQL(" UNION ALL ").join(sql.SQL("({})").format(each) for each in every)
        nearest = sql.SQL(_NEAREST_OF_ALL).format(every=joined)
    numbers = tuple(number for number, _ in parts)
    others = [
        in_version(_PICKED, number, keys=keys_placeholder(place), place=sql.Literal(place))
        for place, number in enumerate(numbers)
    ]
    found = [
        in_version(_METADATA_OF_FOUND, number, place=sql.Literal(place))
        for place, number in enumerate(numbers)
    ]
    statement = sql.SQL(_FOUND).format(
        nearest=nearest,
        picked=sql.SQL("").join(others if picked else []),
        metadata=sql.SQL(" UNION ALL ").join(found),
    )
    return statement.as_bytes(None)


@lru_cache(maxsize=1_024)
def metadata_statement(parts: Parts) -> bytes:
    """Return the statement for the metadata of chunks by the keys of each segment's."""
    return by_key(_METADATA_BY_KEY, parts).as_bytes(None)
