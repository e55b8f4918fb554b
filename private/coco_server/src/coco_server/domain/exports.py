"""Reads an export row by row, from a transaction that opens with the first one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from coco_server.store.export import Export, read_rows
from coco_server.store.session import Database

__all__ = ["ExportReader"]


class ExportReader(Iterator[list[bytes]]):
    """An iterator over an export's rows, unparsed, that can be closed from outside."""

    def __init__(self, database: Database, org_id: str, export: Export) -> None:
        self._stack = contextlib.ExitStack()
        self._database = database
        self._org_id = org_id
        self._export = export
        self._rows: Iterator[list[bytes]] | None = None

    def __next__(self) -> list[bytes]:
        if self._rows is None:
            session = self._stack.enter_context(self._database.tenant(self._org_id))
            self._rows = read_rows(session, self._export)
        return next(self._rows)

    def close(self) -> None:
        """Give the connection back."""
        self._rows = None
        self._stack.close()
