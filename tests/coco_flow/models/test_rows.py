"""Row classes: what they are made of, and values as plain data."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pytest
from pydantic import BaseModel
from sqlmodel import JSON, Field

from coco_flow.errors import WrongRows
from coco_flow.models import (
    LLMTelemetryMixin,
    PipelineModelBase,
    apply_dspy_telemetry,
    apply_field_renames,
    serialize,
)

pytestmark = pytest.mark.usefixtures("own_models")


class Prediction:
    """Has fields as attributes, as a prediction of DSPy."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)


def test_a_table_has_the_columns_of_the_base_classes() -> None:
    class Answer(PipelineModelBase, LLMTelemetryMixin, table=True):
        document_id: str = Field(primary_key=True)

    columns = Answer.__table__.c  # type: ignore[attr-defined]
    assert set(columns.keys()) == {
        "document_id", "workflow_id", "created_at", "updated_at", "model_name", "error",
        "llm_model", "llm_input_tokens", "llm_output_tokens", "llm_cost_usd", "llm_latency_ms",
    }  # fmt: skip
    row = Answer(document_id="a")
    assert row.created_at.tzinfo is UTC
    assert row.error is row.workflow_id is row.model_name is row.llm_model is None


def test_a_row_is_made_of_a_prediction() -> None:
    class Extraction(PipelineModelBase, LLMTelemetryMixin, table=True):
        _field_renames: ClassVar[dict[str, str]] = {"doc": "document_id"}
        _dspy_mappings: ClassVar[dict[str, str]] = {
            "people_json": "people",
            "places_json": "places",
            "summary": "summary",
            "score": "score",
        }

        document_id: str = Field(primary_key=True)
        people_json: list[Any] | None = Field(default=None, sa_type=JSON)
        places_json: list[Any] | None = Field(default=None, sa_type=JSON)
        summary: str | None = None
        score: float | None = None

    row = Extraction(
        doc="a",
        dspy_result=Prediction(people=[{"name": "Ada"}], summary="It says: “no”.", score=0.5),
        dspy_telemetry={
            "model_name": "m", "tokens_prompt": 7, "tokens_completion": 3, "cost": 0.25,
            "execution_time": 1.2345,
        },
    )  # fmt: skip
    assert row.document_id == "a"
    assert row.people_json == [{"name": "Ada"}]
    assert row.places_json == []
    assert row.summary == "It says: “no”."
    assert row.score == 0.5
    assert (row.llm_model, row.llm_input_tokens, row.llm_output_tokens) == ("m", 7, 3)
    assert (row.llm_cost_usd, row.llm_latency_ms) == (0.25, 1234)


def test_text_of_a_prediction_is_read_as_json_only_for_a_json_column() -> None:
    class Extraction(PipelineModelBase, table=True):
        _dspy_mappings: ClassVar[dict[str, str]] = {
            "items": "items",
            "note": "note",
            "year": "year",
        }

        document_id: str = Field(primary_key=True)
        items: list[Any] | None = Field(default=None, sa_type=JSON)
        note: str | None = None
        year: str | None = None

    row = Extraction(
        document_id="a", dspy_result=Prediction(items="[1, 2]", note="[1, 2]", year="1843")
    )
    assert row.items == [1, 2]
    # It is text, although it could be read as JSON.
    assert row.note == "[1, 2]"
    assert row.year == "1843"


def test_a_field_that_the_class_does_not_have_is_refused() -> None:
    class Section(PipelineModelBase, table=True):
        document_id: str = Field(primary_key=True)
        title: str | None = None

    with pytest.raises(WrongRows, match=r"Section has no field 'titel'\. Did you mean 'title'\?"):
        Section(document_id="a", titel="x")
    # Its class has no columns for what a call cost, and none is needed.
    assert Section(document_id="a", dspy_telemetry={"model": "m"}).title is None


def test_mappings_need_no_annotation() -> None:
    class Plain(PipelineModelBase, table=True):
        _field_renames = {"doc": "document_id"}  # noqa: RUF012 - as users may write it
        _dspy_mappings = {"title": "headline"}  # noqa: RUF012 - as users may write it

        document_id: str = Field(primary_key=True)
        title: str | None = None

    row = Plain(doc="a", dspy_result=Prediction(headline="News"))
    assert (row.document_id, row.title) == ("a", "News")


def test_a_value_that_is_given_stays_over_one_of_the_telemetry() -> None:
    data = {"llm_model": "given", "dspy_telemetry": {"model": "m", "latency_ms": 5}}
    assert apply_dspy_telemetry(data) == {"llm_model": "given", "llm_latency_ms": 5}
    assert apply_dspy_telemetry({"dspy_telemetry": None, "a": 1}) == {"a": 1}
    named = {"dspy_telemetry": {"llm_model": "m", "llm_cost_usd": 0.0, "execution_time": 0}}
    assert apply_dspy_telemetry(named) == {
        "llm_model": "m", "llm_cost_usd": 0.0, "llm_latency_ms": 0,
    }  # fmt: skip


def test_renames_change_the_mapping_in_place() -> None:
    data = {"old": 1, "kept": 2, "both": 3, "new_both": 4}
    renamed = apply_field_renames(data, {"old": "new", "both": "new_both", "absent": "x"})
    assert renamed is data
    assert data == {"new": 1, "kept": 2, "both": 3, "new_both": 4}


class Color(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    SMALL = 1


class Person(BaseModel):
    name: str
    born: date


@dataclasses.dataclass
class Point:
    x: int
    color: Color


IDENTIFIER = uuid.UUID("12345678-1234-5678-1234-567812345678")


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ('{"a": [1, null]}', {"a": [1, None]}),
        ("7", 7),
        ({"a": (1, 2), 3: {"x"}}, {"a": [1, 2], "3": ["x"]}),
        ([Person(name="Ada", born=date(1815, 12, 10))], [{"name": "Ada", "born": "1815-12-10"}]),
        (Point(1, Color.RED), {"x": 1, "color": "red"}),
        (Color.RED, "red"),
        (Size.SMALL, 1),
        (True, True),
        (1.5, 1.5),
        (math.nan, None),
        ([1.0, math.inf], [1.0, None]),
        (2**70, 2**70),
        (datetime(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00+00:00"),
        (date(2024, 1, 2), "2024-01-02"),
        (time(1, 2), "01:02:00"),
        (timedelta(minutes=1), 60.0),
        (Decimal("1.50"), "1.50"),
        (IDENTIFIER, "12345678-1234-5678-1234-567812345678"),
        (Path("a/b"), "a/b"),
        (b"\x00\xff", "AP8="),
        (np.int64(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.array([[1, 2]]), [[1, 2]]),
        (np.array([np.nan]), [None]),
        (pd.Timestamp("2024-01-02"), "2024-01-02T00:00:00"),
        ([pd.NaT, pd.NA], [None, None]),
        (pd.Series([1, 2]), [1, 2]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_as_plain_data(value: Any, plain: Any) -> None:
    found = serialize(value)
    assert found == plain
    assert type(found) is type(plain)
    json.dumps(found, allow_nan=False)


def test_the_default_stands_for_what_is_missing() -> None:
    assert serialize(None) is None
    assert serialize(None, []) == []
    assert serialize("no JSON", []) == []
    assert serialize("", {}) == {}


def test_a_value_that_is_no_data_is_text() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    assert serialize([Odd()]) == ["odd"]
