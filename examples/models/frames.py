"""Frames of Polars and Arrow: the annotation of a parameter says what the model gets.

python examples/models/frames.py
"""

# ruff: noqa: T201
from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from sqlmodel import Field, SQLModel

from coco_flow.models import (
    PipelineConfig,
    PipelineModelBase,
    Reference,
    TableReader,
    TableWriter,
    configure,
    model,
    run_pipeline_sync,
)


class SaleRow(SQLModel, table=True):
    """Something that was sold."""

    __tablename__ = "sales"
    number: int = Field(primary_key=True)
    city: str
    price: float


class CityRow(PipelineModelBase, table=True):
    """What was sold in a city."""

    __tablename__ = "cities"
    city: str = Field(primary_key=True)
    total: float


@model("frames.cities", CityRow)
def cities(sales: pl.DataFrame = Reference("sales")) -> pl.DataFrame:  # type: ignore[assignment]
    """Sum up with Polars."""
    return sales.group_by("city").agg(total=pl.col("price").sum())


class DearRow(PipelineModelBase, table=True):
    """A sale above a price."""

    __tablename__ = "dear"
    number: int = Field(primary_key=True)
    price: float


@model("frames.dear", DearRow)
def dear(sales: pa.Table = Reference("sales")) -> pa.Table:  # type: ignore[assignment]
    """Filter with Arrow."""
    return sales.filter(pc.greater(sales["price"], 8.0)).select(["number", "price"])


class CountRow(PipelineModelBase, table=True):
    """How many sales a batch had."""

    __tablename__ = "counts"
    batch: int = Field(primary_key=True)
    sales: int


@model("frames.counts", CountRow)
def counts(
    sales: Iterator[pl.DataFrame] = Reference("sales", batch_rows=40),  # type: ignore[assignment]
) -> pd.DataFrame:
    """Take batches of Polars frames, and return a pandas frame."""
    return pd.DataFrame([{"batch": n, "sales": len(frame)} for n, frame in enumerate(sales)])


class LazyRow(PipelineModelBase, table=True):
    """A number that the database computed."""

    __tablename__ = "computed"
    name: str = Field(primary_key=True)
    value: float


@model("frames.computed", LazyRow)
def computed(sales: Reference = Reference("sales")) -> list[LazyRow]:
    """Take the reference itself: `query` is the SQLAlchemy select, `df` loads a frame."""
    return [LazyRow(name="columns in the select", value=len(sales.query.selected_columns)),
            LazyRow(name="rows", value=len(sales.df))]  # fmt: skip


PIPELINE = PipelineConfig("frames", [cities, dear, counts, computed])

if __name__ == "__main__":
    configure(database="sqlite:///frames.db")
    rows = [SaleRow(number=n, city=["Rome", "Oslo"][n % 2], price=n % 10) for n in range(100)]
    TableWriter(write_strategy="replace").write(rows)
    done: dict[str, Any] = run_pipeline_sync(PIPELINE)
    print(done["status"], {name: one["rows_written"] for name, one in done["results"].items()})
    reader = TableReader()
    print(reader.load("cities", ["city", "total"], form="polars").sort("city").rows())
    print(reader.load("dear", ["price"], form="arrow")["price"].unique().to_pylist())
    print(reader.load("counts", ["batch", "sales"]).to_dict("records"))
    print(reader.load("computed", ["name", "value"]).to_dict("records"))
