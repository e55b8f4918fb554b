"""Export queries: PostgreSQL writes each row as JSON, which is never parsed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import LiteralString

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg import sql

from coco_core.errors import VersionNotFound
from coco_server.store.segments import LIVE
from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version
from coco_server.store.versions import Version

__all__ = ["Export", "chunks_as_json", "read_rows", "rejections_as_json"]

Export = tuple[sql.Composed, tuple[object, ...] | dict[str, object]]
"""A statement of one column, JSON as UTF-8, with its values."""

# What is fetched at a time: enough that asking for it does not count, and nothing to remember.
_BYTES_AT_A_TIME = 262_144
_MOST_ROWS = 1_000


def chunks_as_json(version: Version, keys: NDArray[np.int32] | None = None) -> Export:
    """Return the statement that reads a version's chunks, in the order of arrival.

    ``keys`` int32[n] are the chunks that are read, none of them removed; None: all.
    """
    values: dict[str, object] = {"parts": list(version.parts)}
    # Of one segment nothing is removed.
    which: LiteralString = LIVE if len(version.parts) > 1 else "true"
    if keys is not None:
        which, values = "chunk_key = ANY(%(keys)s)", {"keys": keys.tolist()}
    statement = in_version(
        "SELECT convert_to(json_build_object('doc_id', doc_id, 'ordinal', ordinal, "
        "'chunk_id', chunk_id, 'kind', kind, 'language', language, 'symbol', symbol, "
        "'fragment', fragment, "
        "'token_count', token_count, 'quality', quality, 'verified', verified, "
        "'tags', tags, 'content', content)::text, 'UTF8') FROM {source_chunks} AS found "
        "WHERE {which} ORDER BY chunk_key",
        version.parts,
        which=sql.SQL(which),
    )
    return statement, values


def rejections_as_json(org_id: str, job_id: str) -> Export:
    """Return the statement that reads every item that a job left out."""
    statement = sql.SQL(
        "SELECT convert_to(json_build_object('item', item, 'code', code, 'message', message, "
        "'doc_id', doc_id)::text, 'UTF8') FROM job_rejections WHERE org_id = %s AND job_id = %s "
        "ORDER BY item"
    )
    return sql.Composed([statement]), (org_id, job_id)


def read_rows(session: TenantSession, export: Export) -> Iterator[list[bytes]]:
    """Yield the rows a few at a time, through a cursor that stays in the database.

    Raises:
        VersionNotFound: retention has removed what was to be read.
    """
    statement, values = export
    rows = 1
    with session.connection.cursor(name="coco_export") as cursor:
        try:
            cursor.execute(statement, values, binary=True)
        except psycopg.errors.UndefinedTable as error:
            raise VersionNotFound("The version has been removed.") from error
        while found := [row[0] for row in cursor.fetchmany(rows)]:
            yield found
            # Rows may be of any size: as many as fit, by those that came before.
            average = sum(map(len, found)) // len(found) + 1
            rows = max(1, min(_MOST_ROWS, 2 * rows, _BYTES_AT_A_TIME // average))
