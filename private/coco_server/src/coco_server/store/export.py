"""Large answers as the database writes them: each row one JSON text, never parsed on the way."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version
from coco_server.store.versions import Version

__all__ = ["Export", "chunks_as_json", "read_rows", "rejections_as_json"]

Export = tuple[sql.Composed, tuple[object, ...]]
"""A statement of one text column, with its values."""

# Some 100 KB at a time for chunks of the usual size.
_ROWS_AT_A_TIME = 64


def chunks_as_json(version: Version) -> Export:
    """Return the statement that reads every chunk of a version, in the order of arrival."""
    statement = in_version(
        "SELECT json_build_object('doc_id', doc_id, 'ordinal', ordinal, 'chunk_id', chunk_id, "
        "'kind', kind, 'language', language, 'symbol', symbol, 'fragment', fragment, "
        "'token_count', token_count, 'quality', quality, 'verified', verified, "
        "'tags', tags, 'content', content)::text FROM {source_chunks} ORDER BY chunk_key",
        version.version_no,
    )
    return statement, ()


def rejections_as_json(org_id: str, job_id: str) -> Export:
    """Return the statement that reads every item that a job left out."""
    statement = sql.SQL(
        "SELECT json_build_object('item', item, 'code', code, 'message', message, "
        "'doc_id', doc_id)::text FROM job_rejections WHERE org_id = %s AND job_id = %s "
        "ORDER BY item"
    )
    return sql.Composed([statement]), (org_id, job_id)


def read_rows(session: TenantSession, export: Export) -> Iterator[list[str]]:
    """Yield the rows a few at a time, through a cursor that stays in the database."""
    statement, values = export
    with session.connection.cursor(name="coco_export") as cursor:
        cursor.execute(statement, values)
        while rows := cursor.fetchmany(_ROWS_AT_A_TIME):
            yield [row[0] for row in rows]
