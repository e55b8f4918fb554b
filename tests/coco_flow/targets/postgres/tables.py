"""What a PostgreSQL has of a table: its columns and indexes."""

from __future__ import annotations

from typing import Any

DATABASE = "flow_targets"


def columns(connection: Any, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [table],
        ).fetchall()
    )


def indexes(connection: Any, table: str) -> dict[str, str]:
    return dict(
        connection.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table]
        ).fetchall()
    )
