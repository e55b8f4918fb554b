"""Rows of one table, as the tests of the writer write and read them."""

from __future__ import annotations

from typing import Any

from coco_flow.models.database import Database
from tests.model_parts import contents

__all__ = ["KEY", "NAMES", "ROWS", "as_mappings", "figures", "stored"]

KEY = {"document_id": str, "number": int}
ROWS = [("a", 0, "x"), ("a", 1, "y"), ("b", 0, "z")]
NAMES = ("document_id", "number", "text")


def as_mappings(rows: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(NAMES, row, strict=True)) for row in rows]


def figures(result: dict[str, Any]) -> tuple[int, ...]:
    names = ("rows_written", "inserted", "updated", "deleted", "unchanged")
    return tuple(result[name] for name in names)


def stored(database: Database) -> list[tuple[Any, ...]]:
    return contents(database, "parts", *NAMES)
