"""Tables of segments, made again from their definitions in an archive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from psycopg import sql

from coco_server.store.session import Connection

__all__ = ["create_table", "finish_table"]

_STORAGE = {"p": "PLAIN", "e": "EXTERNAL", "m": "MAIN", "x": "EXTENDED"}

# Of the owner, since PostgreSQL 17; an older server does not know it.
_MAINTAIN_SINCE = 170_000

# An HNSW graph that does not fit takes three times as long; see `store.sealing`.
_BYTES_PER_ROW = 2_000
_MOST_MEGABYTES = 2_048


def create_table(connection: Connection, name: str, made: Mapping[str, Any]) -> None:
    """Create the table without indexes and policies, ready for COPY."""
    columns = sql.SQL(", ").join(_column(each) for each in made["columns"])
    table = sql.Identifier("public", name)
    connection.execute(sql.SQL("CREATE TABLE {} ({})").format(table, columns))
    for each in made["columns"]:
        connection.execute(
            sql.SQL("ALTER TABLE {} ALTER {} SET STORAGE {}").format(
                table, sql.Identifier(each["name"]), sql.SQL(_STORAGE[each["storage"]])
            )
        )
        # Negative or absent: as the server's settings say.
        if (each["statistics"] or 0) >= 0 and each["statistics"] is not None:
            connection.execute(
                sql.SQL("ALTER TABLE {} ALTER {} SET STATISTICS {}").format(
                    table, sql.Identifier(each["name"]), sql.Literal(each["statistics"])
                )
            )
    if made["options"]:
        options = sql.SQL(", ").join(map(sql.SQL, made["options"]))
        connection.execute(sql.SQL("ALTER TABLE {} SET ({})").format(table, options))


def finish_table(connection: Connection, name: str, made: Mapping[str, Any], rows: int) -> None:
    """Index the loaded table, and open it to the same roles as before."""
    table = sql.Identifier("public", name)
    megabytes = min(max(64, rows * _BYTES_PER_ROW // 1_000_000), _MOST_MEGABYTES)
    connection.execute("SELECT set_config('maintenance_work_mem', %s, true)", (f"{megabytes}MB",))
    for constraint, text in made["constraints"] or ():
        connection.execute(
            sql.SQL("ALTER TABLE {} ADD CONSTRAINT {} {}").format(
                table, sql.Identifier(constraint), sql.SQL(text)
            )
        )
    for text in made["indexes"] or ():
        connection.execute(sql.SQL(text))
    connection.execute(sql.SQL("ANALYZE {}").format(table))
    for wanted, statement in (
        ("secured", "ALTER TABLE {} ENABLE ROW LEVEL SECURITY"),
        ("forced", "ALTER TABLE {} FORCE ROW LEVEL SECURITY"),
    ):
        if made[wanted]:
            connection.execute(sql.SQL(statement).format(table))
    for policy in made["policies"] or ():
        connection.execute(_policy(table, policy))
    if made["granted"]:
        _grant(connection, table, made["grants"] or ())


def _column(column: Mapping[str, Any]) -> sql.Composed:
    parts = [sql.Identifier(column["name"]), sql.SQL(column["type"])]
    if column["default"] is not None:
        parts.append(sql.SQL("DEFAULT " + column["default"]))
    if column["required"]:
        parts.append(sql.SQL("NOT NULL"))
    return sql.SQL(" ").join(parts)


def _policy(table: sql.Identifier, policy: Mapping[str, Any]) -> sql.Composed:
    statement = sql.SQL("CREATE POLICY {} ON {} AS {} FOR {} TO {}").format(
        sql.Identifier(policy["name"]),
        table,
        sql.SQL(policy["permissive"]),
        sql.SQL(policy["command"]),
        sql.SQL(", ").join(map(sql.Identifier, policy["roles"])),
    )
    if policy["using"] is not None:
        statement += sql.SQL(" USING (" + policy["using"] + ")")
    if policy["check"] is not None:
        statement += sql.SQL(" WITH CHECK (" + policy["check"] + ")")
    return statement


def _grant(connection: Connection, table: sql.Identifier, grants: Iterable[Sequence[str]]) -> None:
    connection.execute(sql.SQL("REVOKE ALL ON {} FROM PUBLIC, CURRENT_USER").format(table))
    for role, privilege in grants:
        if privilege == "MAINTAIN" and connection.info.server_version < _MAINTAIN_SINCE:
            continue
        whom = sql.SQL("CURRENT_USER") if role == "owner" else sql.Identifier(role)
        connection.execute(sql.SQL("GRANT {} ON {} TO {}").format(sql.SQL(privilege), table, whom))
