"""Attachments of a PostgreSQL table: vector indexes, and the user's own statements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import msgspec

from coco_flow import components as coco
from coco_flow.components.connectorkits.table_state import FingerprintHandler, Named
from coco_flow.components.connectors.postgres.driver import qualified

__all__ = ["SqlCommand", "SqlCommands", "VectorIndex", "VectorIndexes"]


class VectorIndex(NamedTuple):
    """An index of pgvector."""

    column: str
    metric: str
    op_class: str
    method: str
    lists: int | None
    m: int | None
    ef_construction: int | None

    def options(self) -> str:
        """Return the storage parameters that the method knows."""
        known = {"ivfflat": ("lists",), "hnsw": ("m", "ef_construction")}[self.method]
        given = [(name, getattr(self, name)) for name in known]
        parts = [f"{name} = {value:d}" for name, value in given if value is not None]
        return f" WITH ({', '.join(parts)})" if parts else ""


class VectorIndexes(FingerprintHandler):
    """Reconciles the vector indexes of one table."""

    def __init__(self, pool: Any, table_name: str, pg_schema_name: str | None) -> None:
        self._pool = pool
        self._table_name = table_name
        self._pg_schema_name = pg_schema_name
        self.sink = coco.TargetActionSink.from_async_fn(self._apply)

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[Named], /
    ) -> None:
        table = qualified(self._table_name, self._pg_schema_name)
        async with self._pool.acquire() as conn, conn.transaction():
            for action in actions:
                name = f"{self._table_name}__vector__{action.name}"
                # An index is made in its table's schema, but looked for in the search path.
                drop = qualified(name, self._pg_schema_name)
                await conn.execute(f"DROP INDEX IF EXISTS {drop}")
                index: VectorIndex | None = action.spec
                if index is not None:
                    await conn.execute(
                        f'CREATE INDEX "{name}" ON {table} USING {index.method} '
                        f'("{index.column}" {index.op_class}){index.options()}'
                    )


class SqlCommand(msgspec.Struct, frozen=True, array_like=True):
    """A statement that makes something, and the one that removes it."""

    setup_sql: str
    teardown_sql: str | None


class SqlCommandAction(NamedTuple):
    """What was made before is removed, then the command is run."""

    teardowns: tuple[str, ...]
    command: SqlCommand | None


class SqlCommands(coco.TargetHandler[SqlCommand, SqlCommand, None]):
    """Reconciles what the user's statements make on one table."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._sink = coco.TargetActionSink.from_async_fn(self._apply)

    async def _apply(
        self, _context_provider: coco.ContextProvider, actions: Sequence[SqlCommandAction], /
    ) -> None:
        async with self._pool.acquire() as conn:
            for action in actions:
                for teardown in action.teardowns:
                    await conn.execute(teardown)
                if action.command is not None:
                    await conn.execute(action.command.setup_sql)

    def reconcile(
        self,
        _key: coco.StableKey,
        desired: SqlCommand | coco.NonExistenceType,
        previous: Collection[SqlCommand],
        may_be_missing: bool,
        /,
    ) -> coco.TargetReconcileOutput[SqlCommandAction, SqlCommand, None] | None:
        """Return what to do for one command."""
        # After an interrupted change, either of two commands may have been run.
        teardowns = tuple(dict.fromkeys(each.teardown_sql for each in previous))
        known = tuple(each for each in teardowns if each is not None)
        if coco.is_non_existence(desired):
            if not previous and not may_be_missing:
                return None
            action = SqlCommandAction(known, None)
            return coco.TargetReconcileOutput(action, self._sink, coco.NON_EXISTENCE)
        if not may_be_missing and all(each == desired for each in previous):
            return None
        return coco.TargetReconcileOutput(SqlCommandAction(known, desired), self._sink, desired)
