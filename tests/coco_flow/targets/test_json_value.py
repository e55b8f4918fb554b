"""Engine values as JSON values."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import numpy as np
import pytest

from coco_flow.targets.json_value import duration_text, json_encoder, json_text
from coco_flow.types.annotations import (
    Json,
    LocalDateTime,
    OffsetDateTime,
    Range,
    Vector,
)
from tests.coco_flow.targets.rows import Part, field

DAY = datetime.date(2020, 2, 29)
MOMENT = datetime.datetime(2020, 2, 29, 1, 2, 3, 40, tzinfo=datetime.UTC)
EAST = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    ("annotation", "value", "encoded"),
    [
        (str, "ü", "ü"),
        (int, 2**60, 2**60),
        (float, 0.5, 0.5),
        (bool, True, True),
        (bytes, b"\0\xff", "AP8="),
        (uuid.UUID, uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (datetime.date, DAY, "2020-02-29"),
        (datetime.time, datetime.time(1, 2, 3), "01:02:03"),
        (LocalDateTime, MOMENT.replace(tzinfo=None), "2020-02-29T01:02:03.000040"),
        (OffsetDateTime, MOMENT, "2020-02-29T01:02:03.000040Z"),
        (OffsetDateTime, MOMENT.astimezone(EAST), "2020-02-29T03:02:03.000040+02:00"),
        (datetime.timedelta, datetime.timedelta(days=1, seconds=2), "PT86402S"),
        (Range, (3, 5), [3, 5]),
        (Json, {"a": [None]}, {"a": [None]}),
        (Vector[np.float32], np.array([0.5, 1], np.float32), [0.5, 1.0]),
        (Vector[str], ["a"], ["a"]),
        (Vector[datetime.date], [DAY], ["2020-02-29"]),
        (Vector[Vector[np.int64]], [np.array([1, 2]), np.array([3])], [[1, 2], [3]]),
        (Part, ["a", 1], {"name": "a", "size": 1}),
        (list[Part], [["a", 1]], [{"name": "a", "size": 1}]),
        (dict[int, Part], [[7, "a", None]], [{"_key": 7, "name": "a", "size": None}]),
        (str | bytes | uuid.UUID, b"x", "eA=="),
        (str | datetime.date | datetime.datetime, MOMENT, "2020-02-29T01:02:03.000040Z"),
        (datetime.timedelta | int, datetime.timedelta(seconds=1), "PT1S"),
    ],
)
def test_each_type_has_its_json_form(annotation: Any, value: Any, encoded: Any) -> None:
    encode = json_encoder(field("x", annotation).value_type.type)
    assert (value if encode is None else encode(value)) == encoded
    assert json.loads(json.dumps(encoded)) == encoded


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "PT0S"), (-1.5, "-PT1.5S"), (90, "PT90S"), (1e-6, "PT0.000001S")]
)
def test_durations_are_those_of_iso_8601(seconds: float, text: str) -> None:
    assert duration_text(datetime.timedelta(seconds=seconds)) == text


def test_what_json_has_no_number_for_is_null() -> None:
    value = {"a": [float("nan"), 1.0], "b": (float("inf"), -float("inf")), "c": "é"}
    assert json_text(value) == '{"a":[null,1.0],"b":[null,null],"c":"é"}'
