"""Filters as SQL conditions over a version's chunks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import LiteralString

import numpy as np
from psycopg import sql

from coco_core.filters import Filters

__all__ = ["conditions"]

# The dotted path is the wanted one, ends in it or lies below it.
_SYMBOL: LiteralString = (
    "(strpos('.' || symbol || '.', %s) > 0 OR EXISTS ("
    "SELECT FROM unnest(definitions) AS path WHERE strpos('.' || path || '.', %s) > 0))"
)


def conditions(
    filters: Filters, phrases: Sequence[str] = ()
) -> tuple[sql.Composed, list[object]] | None:
    """Return a condition on ``source_chunks`` with its values; None when everything passes.

    Path globs are left out: `coco_server.search.document_paths` matches them. PostgreSQL keeps 32
    compiled expressions and compiles every further one for each row.
    """
    found: list[tuple[LiteralString, list[object]]] = []
    if filters.languages:
        found.append(("language = ANY(%s)", [list(filters.languages)]))
    if filters.kinds:
        found.append(("kind = ANY(%s)", [[str(kind) for kind in filters.kinds]]))
    if filters.doc_ids:
        found.append(("doc_id = ANY(%s)", [list(filters.doc_ids)]))
    if filters.symbol is not None:
        wanted = f".{filters.symbol.strip('.')}."
        found.append((_SYMBOL, [wanted, wanted]))
    if filters.tags:
        found.append(("tags && %s", [list(filters.tags)]))
    if filters.min_quality is not None:
        # Qualities are kept in single precision: 0.9 must reach 0.9. They are 0 to 1, and what
        # single precision cannot hold PostgreSQL refuses.
        least = np.float32(min(max(filters.min_quality, -1.0), 2.0))
        found.append(("quality >= %s::float8", [float(least)]))
    if filters.verified is not None:
        found.append(("coalesce(verified, false) = %s", [filters.verified]))
    if filters.changed_since is not None:
        found.append(("changed_at >= %s", [filters.changed_since]))
    found += [("strpos(content, %s) > 0", [each.replace("\0", "\ufffd")]) for each in phrases]
    if not found:
        return None
    joined = sql.SQL(" AND ").join(sql.SQL(text) for text, _ in found)
    return joined, [value for _, values in found for value in values]
