"""A table in batches: a model reads and writes it without ever holding it whole.

python examples/models/streaming.py [rows]
"""

# ruff: noqa: T201
from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pandas as pd
from sqlmodel import Field, SQLModel

from coco_flow.models import (
    ModelContext,
    PipelineModelBase,
    Reference,
    TableReader,
    TableWriter,
    configure,
    execute_model_sync,
    model,
)


class ReadingRow(SQLModel, table=True):
    """What a sensor measured."""

    __tablename__ = "readings"
    number: int = Field(primary_key=True)
    celsius: float


class FahrenheitRow(PipelineModelBase, table=True):
    """The same in other degrees."""

    __tablename__ = "fahrenheit"
    number: int = Field(primary_key=True)
    fahrenheit: float


@model("streaming.fahrenheit", FahrenheitRow)
def fahrenheit(
    ctx: ModelContext,
    readings: Iterator[pd.DataFrame] = Reference("readings", batch_rows=10_000),  # type: ignore[assignment]
    writer: Any = None,
) -> dict[str, Any]:
    """Convert batch by batch; the rows are seen when all of them are written."""
    done, batches = 0, 0
    for batch in readings:
        converted = batch["celsius"] * 9 / 5 + 32
        writer.write(pd.DataFrame({"number": batch["number"], "fahrenheit": converted}))
        done, batches = done + len(batch), batches + 1
        ctx.progress(done, message=f"batch {batches}")
    return {"batches": batches}


def main() -> None:
    """Fill a table, and convert it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    configure(database="sqlite:///streaming.db")
    frame = pd.DataFrame({"number": range(count), "celsius": [n % 40 + 0.5 for n in range(count)]})
    TableWriter(db_model=ReadingRow, write_strategy="replace").write(frame)
    done = execute_model_sync(fahrenheit)
    print(f"{done['rows_written']} rows in {done['batches']} batches")
    for batch in TableReader().batches("fahrenheit", size=count // 2 + 1):
        print(f"read {len(batch)} rows, {batch['fahrenheit'].mean():.2f} °F on average")


if __name__ == "__main__":
    main()
