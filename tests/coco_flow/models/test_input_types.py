"""Which library a frame is of, and the types of its columns."""

from __future__ import annotations

import pickle
import uuid
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars
import polars as pl
import pyarrow as pa
import pytest
from polars import DataFrame as ShortName
from sqlmodel import JSON, Field, SQLModel

from coco_flow.errors import DefinitionError
from coco_flow.models import Reference, TableWriter
from coco_flow.models.database import Database
from tests.coco_flow.models.inputs import CREATE, ROWS, ids, run, seen
from tests.model_parts import fill, open_database


@pytest.fixture
def documents(database: Database) -> Database:
    fill(database, CREATE, ROWS)
    return database


def test_an_annotation_chooses_the_library(documents: Database) -> None:
    kinds: dict[str, Any] = {}

    def look(
        plain: Any = Reference("documents"),
        pandas_frame: pd.DataFrame = Reference("documents"),  # type: ignore[assignment]
        short: pl.DataFrame = Reference("documents"),  # type: ignore[assignment]
        long: polars.DataFrame = Reference("documents"),  # type: ignore[assignment]
        imported: ShortName = Reference("documents"),  # type: ignore[assignment]
        optional: pl.DataFrame | None = Reference("documents"),  # type: ignore[assignment]
        arrow: pa.Table = Reference("documents"),
        parts: Iterator[pd.DataFrame] = Reference("documents", batch_rows=2),  # type: ignore[assignment]
        polars_parts: Iterator[pl.DataFrame] = Reference("documents"),  # type: ignore[assignment]
        arrow_parts: Iterator[pa.Table] = Reference("documents"),  # type: ignore[assignment]
    ) -> None:
        kinds.update({name: type(value) for name, value in locals().items() if name != "kinds"})
        kinds["sizes"] = [len(part) for part in parts]
        kinds["polars parts"] = type(next(polars_parts))
        kinds["arrow parts"] = type(next(arrow_parts))

    run(look)
    assert issubclass(kinds["plain"], pd.DataFrame)
    assert issubclass(kinds["pandas_frame"], pd.DataFrame)
    for name in ("short", "long", "imported", "optional", "polars parts"):
        assert kinds[name] is pl.DataFrame, name
    assert kinds["arrow"] is kinds["arrow parts"] is pa.Table
    assert kinds["sizes"] == [2, 1]


class Everything(SQLModel):
    """Columns of every type, with a gap in the second row."""

    id: int = Field(primary_key=True)
    text: str | None
    whole: int | None
    number: float | None
    exact: Decimal | None
    truth: bool | None
    day: date | None
    at: datetime | None
    raw: bytes | None
    uid: uuid.UUID | None
    data: dict[str, Any] | None = Field(sa_type=JSON)


FULL: dict[str, Any] = {
    "text": "äöü 'x' “y”", "whole": 7, "number": 0.5, "exact": Decimal("1.5"), "truth": True,
    "day": date(2024, 2, 29), "at": datetime(2024, 2, 29, 12, 30, tzinfo=UTC), "raw": b"\x00\xff",
    "uid": uuid.UUID(int=5), "data": {"a": [1, None]},
}  # fmt: skip


def everything(database: Database, *ids: int) -> None:
    class Kinds(Everything, table=True):
        pass

    gap = dict.fromkeys(FULL)
    rows = [{"id": one, **(FULL if one % 2 else gap)} for one in ids]
    TableWriter(db_model=Kinds).write(rows)


def test_pandas_has_none_for_missing_text_and_nan_for_missing_numbers(database: Database) -> None:
    everything(database, 1, 2)
    frame = seen(Reference("kinds", columns=["id", *FULL]))
    full, gap = frame.sort_values("id").to_dict("records")
    assert {name: full[name] for name in FULL} == FULL
    for name in ("text", "exact", "truth", "day", "raw", "uid", "data"):
        assert gap[name] is None, name
    assert np.isnan(gap["whole"])
    assert np.isnan(gap["number"])
    assert gap["at"] is pd.NaT
    assert frame["whole"].dtype == frame["number"].dtype == np.dtype("float64")


@pytest.mark.parametrize("present", [(), (2,), (1,), (1, 2)], ids=str)
def test_types_of_columns_do_not_depend_on_the_rows(
    database: Database, present: tuple[int, ...]
) -> None:
    everything(database, *present)
    frames: dict[str, Any] = {}

    def look(
        frame: Any = Reference("kinds"),
        polars_frame: pl.DataFrame = Reference("kinds"),  # type: ignore[assignment]
        arrow: pa.Table = Reference("kinds"),
    ) -> None:
        frames.update(pandas=frame, polars=polars_frame, arrow=arrow)

    run(look)
    columns = {"id", *FULL}
    assert set(frames["pandas"].columns) == set(frames["polars"].columns) == columns
    kinds = frames["polars"].schema
    assert kinds["whole"] == pl.Int64
    assert kinds["number"] == pl.Float64
    assert kinds["truth"] == pl.Boolean
    assert kinds["text"] == kinds["uid"] == kinds["data"] == pl.String
    assert kinds["day"] == pl.Date
    assert kinds["at"] == pl.Datetime("us", "UTC")
    assert kinds["raw"] == pl.Binary
    schema = frames["arrow"].schema
    assert schema.field("whole").type == pa.int64()
    assert schema.field("text").type == schema.field("uid").type == pa.string()
    assert schema.field("at").type == pa.timestamp("us", "UTC")
    # Work on columns does not fail where there is nothing.
    assert frames["pandas"]["text"].str.upper() is not None
    assert frames["pandas"]["at"].dt.year is not None
    assert frames["pandas"]["number"].mean() is not None
    if 1 in present:
        full = frames["polars"].filter(pl.col("id") == 1).to_dicts()[0]
        expected = {**FULL, "uid": str(FULL["uid"]), "data": '{"a": [1, null]}'}
        assert {name: full[name] for name in FULL} == expected
        (full,) = frames["arrow"].filter(pa.compute.field("id") == 1).to_pylist()
        assert {name: full[name] for name in FULL} == expected


def test_large_numbers_stay_exact_beside_gaps(database: Database) -> None:
    large = 2**62 + 1
    fill(
        database,
        "CREATE TABLE documents (id TEXT, number BIGINT, at TIMESTAMP)",
        [{"id": "a", "number": large}, {"id": "b", "number": None}],
    )
    frame = seen("documents").sort_values("id")
    assert frame["number"].dtype == "Int64"
    assert frame["number"].iloc[0] == large
    assert frame["number"].isna().tolist() == [False, True]
    assert seen(Reference("documents", {"id": "a"}))["number"].tolist() == [large]


def test_a_frame_can_be_sent_to_another_process(documents: Database) -> None:
    frame = seen("documents")
    copy = pickle.loads(pickle.dumps(frame))
    assert type(copy) is pd.DataFrame
    assert ids(copy) == ids(frame)
    assert type(frame[["id"]]) is pd.DataFrame


def test_values_that_a_library_has_no_type_for_are_refused(
    tmp_path: Path, own_models: None
) -> None:
    with open_database("sqlite", tmp_path) as database:
        fill(
            database,
            "CREATE TABLE documents (id TEXT PRIMARY KEY, size INTEGER)",
            [{"id": "a", "size": "many"}, {"id": "b", "size": 1}],
        )
        assert set(seen("documents")["size"]) == {"many", 1}

        def look(documents: pl.DataFrame = Reference("documents")) -> None:  # type: ignore[assignment]
            raise AssertionError

        with pytest.raises(DefinitionError, match="column 'size' cannot be one of a polars frame"):
            run(look)
