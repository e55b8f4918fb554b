"""Row counts and null shares of a model's table after each run."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from coco_flow.models.store.documents import upsert
from coco_flow.models.store.tables import SNAPSHOTS

if TYPE_CHECKING:
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model

__all__ = ["snapshots_of", "take_snapshot"]


def take_snapshot(declared: Model, database: Database, run: str) -> None:
    """Record how many rows the table has, and the share of nulls in each column."""
    table = declared.table
    columns = list(table.columns)
    counts = [func.count(column) for column in columns]
    with database.reading() as connection:
        total, *present = connection.execute(select(func.count(), *counts).select_from(table)).one()
    nulls = {
        column.name: round(1 - count / total, 4) if total else 0.0
        for column, count in zip(columns, present, strict=True)
    }
    row = {
        "run": run, "model": declared.name, "taken_at": time.time(), "rows": total, "nulls": nulls,
    }  # fmt: skip
    with database.writing() as connection:
        upsert(connection, SNAPSHOTS, [row])


def snapshots_of(database: Database, model: str, limit: int = 20) -> list[dict[str, Any]]:
    """Return the latest snapshots of a model, newest first."""
    statement = (
        select(SNAPSHOTS)
        .where(SNAPSHOTS.c.model == model)
        .order_by(SNAPSHOTS.c.taken_at.desc())
        .limit(limit)
    )
    with database.reading() as connection:
        return [dict(row) for row in connection.execute(statement).mappings()]
