"""Tables that hold rows of tenants, found in PostgreSQL's catalog: new ones are found too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from typing import Literal

from psycopg import sql

from coco_server.store.session import Connection, Database

__all__ = ["KEPT", "delete_rows", "parents_first", "tables_of"]

KEPT = frozenset({"audit_log", "erasures"})
"""What an erasure leaves: who did what to which id, without contents, until its own retention."""

# Rows that one transaction deletes.
_STEP_ROWS = 5_000

_REFERENCES = """
    SELECT child.relname, parent.relname FROM pg_constraint
    JOIN pg_class AS child ON child.oid = conrelid JOIN pg_class AS parent ON parent.oid = confrelid
    WHERE contype = 'f' AND NOT condeferrable AND conrelid <> confrelid
        AND child.relnamespace = 'public'::regnamespace
"""

# Tables of segments and their patterns have no rows that are deleted: they are dropped.
_TABLES = """
    SELECT relname FROM pg_class AS class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND has_table_privilege('coco_system', class.oid, 'DELETE')
        AND (SELECT count(*) FROM pg_attribute WHERE attrelid = class.oid AND NOT attisdropped
            AND attname = ANY (%s)) = 2
"""


def parents_first(connection: Connection, names: Iterable[str]) -> Iterator[str]:
    """Yield tables in an order in which each comes after those that its rows refer to."""
    references: dict[str, set[str]] = {name: set() for name in names}
    for child, parent in connection.execute(_REFERENCES).fetchall():
        if child in references:
            references[child].add(parent)
    return (name for name in TopologicalSorter(references).static_order() if name in references)


def tables_of(connection: Connection, column: Literal["project_id", "user_id"]) -> list[str]:
    """Return the tables whose rows belong to a project or to a user, those referred to last."""
    rows = connection.execute(_TABLES, (["org_id", column],)).fetchall()
    names = {name for (name,) in rows} - KEPT
    return [*parents_first(connection, names)][::-1]


def delete_rows(
    database: Database, table: str, org_id: str, column: str | None = None, value: str = ""
) -> int:
    """Delete an org's rows, or those of them with ``value`` in ``column``, in small steps."""
    chosen = sql.SQL("org_id = {}").format(sql.Literal(org_id))
    if column is not None:
        chosen += sql.SQL(" AND {} = {}").format(sql.Identifier(column), sql.Literal(value))
    statement = sql.SQL(
        "DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {chosen} "
        "LIMIT {most}))"
    ).format(table=sql.Identifier(table), chosen=chosen, most=sql.Literal(_STEP_ROWS))
    total = 0
    while True:
        with database.system() as session:
            deleted = session.connection.execute(statement).rowcount
        total += deleted
        if deleted < _STEP_ROWS:
            return total
