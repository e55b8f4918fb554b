"""Chunks that a query names: by a symbol that they define, or by their file."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from coco_core.search.request import MOST_OF_FILE
from coco_server.store.chunks import indexed_name
from coco_server.store.session import TenantSession
from coco_server.store.tables import of_version
from coco_server.store.versions import Version

__all__ = ["defining", "in_files"]


def defining(
    session: TenantSession,
    version: Version,
    names: Sequence[str],
    mask: NDArray[np.bool_] | None,
) -> set[int]:
    """Return the keys of the chunks that define one of these names, in any case."""
    if not names:
        return set()
    rows = session.connection.execute(
        of_version("SELECT chunk_key FROM {chunk_names} WHERE name = ANY(%s)", version.parts),
        ([indexed_name(name) for name in names],),
    ).fetchall()
    return {key for (key,) in rows if mask is None or mask[key]}


def in_files(
    session: TenantSession,
    version: Version,
    names: Sequence[str],
    mask: NDArray[np.bool_] | None,
    removed: NDArray[np.int32],
) -> set[int]:
    """Return the keys of the chunks of the documents with these file names.

    ``removed`` int32[n] are the chunks that do not count among the most that are looked at.
    """
    if not names:
        return set()
    # Chunks that do not pass must not take the place of those that do, so these are counted here.
    row = session.connection.execute(
        of_version(
            "SELECT string_agg(int4send(chunk_key), ''::bytea ORDER BY chunk_key) FROM ("
            "SELECT chunk_key FROM {source_chunks} "
            "WHERE lower(normalize(regexp_replace(doc_id, '^.*/', ''))) = ANY(%s) "
            "AND NOT chunk_key = ANY(%s) ORDER BY chunk_key LIMIT %s) AS named",
            version.parts,
        ),
        (list(names), removed.tolist(), MOST_OF_FILE if mask is None else None),
        binary=True,
    ).fetchone()
    keys = np.frombuffer(row[0] if row and row[0] else b"", ">i4")
    if mask is not None:
        keys = keys[mask[keys]]
    return set(keys[:MOST_OF_FILE].tolist())
