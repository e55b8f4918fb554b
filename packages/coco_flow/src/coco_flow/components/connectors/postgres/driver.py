"""Import of the driver asyncpg, with an error that says how to install it."""

from __future__ import annotations

from coco_flow.errors import missing_extra

try:
    import asyncpg
except ImportError as error:
    raise missing_extra("The PostgreSQL connector of components", "asyncpg", "asyncpg") from error

__all__ = ["asyncpg", "qualified"]


def qualified(table_name: str, pg_schema_name: str | None) -> str:
    """Return a table's name for a statement; both parts were checked to be plain identifiers."""
    return f'"{pg_schema_name}"."{table_name}"' if pg_schema_name else f'"{table_name}"'
