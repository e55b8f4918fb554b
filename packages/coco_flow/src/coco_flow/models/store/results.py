"""What models and batches did in a run: recorded with their rows, so that nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, func, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from coco_flow.models.store.tables import BATCHES, RESULTS

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = [
    "WHOLE",
    "batch_documents",
    "batch_results",
    "copy_results",
    "count_batches",
    "plan_batches",
    "record_result",
    "recorded_result",
]

WHOLE = -1
"""The batch number of a model as a whole."""


def recorded_result(
    database: Database, run: str, model: str, batch: int = WHOLE
) -> dict[str, Any] | None:
    """Return what a model or a batch did in a run, or None if it has not ended."""
    statement = select(RESULTS.c.result).where(
        RESULTS.c.run == run, RESULTS.c.model == model, RESULTS.c.batch == batch
    )
    with database.reading() as connection:
        found: dict[str, Any] | None = connection.execute(statement).scalar_one_or_none()
    return found


def record_result(
    connection: Connection, run: str, model: str, batch: int, result: dict[str, Any]
) -> bool:
    """Record a result in the transaction that is open; False if another process was first."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    done = connection.execute(
        dialect.insert(RESULTS).on_conflict_do_nothing(),
        {"run": run, "model": model, "batch": batch, "result": result, "ended_at": time.time()},
    )
    return bool(done.rowcount)


def batch_results(database: Database, run: str, model: str) -> dict[int, dict[str, Any]]:
    """Return the results of the batches that have ended, by number."""
    statement = select(RESULTS.c.batch, RESULTS.c.result).where(
        RESULTS.c.run == run, RESULTS.c.model == model, RESULTS.c.batch != WHOLE
    )
    with database.reading() as connection:
        return {row.batch: row.result for row in connection.execute(statement)}


def count_batches(database: Database, run: str, model: str) -> tuple[int, int]:
    """Return how many batches of a model have ended, and how many there are."""
    ended = select(func.count()).where(
        RESULTS.c.run == run, RESULTS.c.model == model, RESULTS.c.batch != WHOLE
    )
    planned = select(func.count()).where(BATCHES.c.run == run, BATCHES.c.model == model)
    with database.reading() as connection:
        done, total = connection.execute(ended).scalar_one(), connection.execute(planned)
        return int(done), int(total.scalar_one())


def plan_batches(
    database: Database, run: str, model: str, documents: Sequence[str], size: int
) -> int:
    """Write down which batch has which documents, once for a run; return how many there are."""
    statement = select(func.count()).where(BATCHES.c.run == run, BATCHES.c.model == model)
    with database.writing() as connection:
        planned = int(connection.execute(statement).scalar_one())
        if planned or not documents:
            return planned
        rows = [
            {"run": run, "model": model, "batch": number,
             "document_ids": list(documents[start : start + size])}
            for number, start in enumerate(range(0, len(documents), size))
        ]  # fmt: skip
        connection.execute(insert(BATCHES), rows)
        return len(rows)


def batch_documents(database: Database, run: str, model: str, batch: int) -> list[str]:
    """Return the documents of a batch."""
    statement = select(BATCHES.c.document_ids).where(
        BATCHES.c.run == run, BATCHES.c.model == model, BATCHES.c.batch == batch
    )
    with database.reading() as connection:
        found: list[str] = connection.execute(statement).scalar_one()
    return found


def copy_results(database: Database, old: str, new: str) -> None:
    """Let a run that continues another have what that one did."""
    for table in (RESULTS, BATCHES):
        others = [column for column in table.c if column.name != "run"]
        with database.writing() as connection:
            present = connection.execute(select(table.c.run).where(table.c.run == new).limit(1))
            if present.first() is not None:
                continue
            rows = connection.execute(select(*others).where(table.c.run == old)).mappings()
            copied = [{**row, "run": new} for row in rows]
            if copied:
                connection.execute(insert(table), copied)
