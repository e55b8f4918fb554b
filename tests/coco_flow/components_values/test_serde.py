from __future__ import annotations

import pathlib
import pickle
import subprocess
import sys
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pydantic
import pytest

from coco_flow.components import serde
from coco_flow.components.sentinel import NON_EXISTENCE, NonExistenceType


class Point(NamedTuple):
    x: int
    y: float


@dataclass
class Page:
    name: str
    points: list[Point]
    when: datetime | None = None


class Model(pydantic.BaseModel):
    id: uuid.UUID
    tags: list[str]


@dataclass
class Holder:
    model: Model
    path: Any
    vector: Any


@serde.serialize_by_pickle
class Opted:
    def __init__(self, value: int) -> None:
        self.value = value


class Dangerous:
    def __reduce__(self) -> Any:
        return (print, ("run",))


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (3, int),
        ({"a": [1.5, None]}, dict[str, Any]),
        ((1, "x"), tuple[int, str]),
        ({1, 2}, set[int]),
        (uuid.UUID(int=7), uuid.UUID),
        (datetime(2026, 1, 2, tzinfo=UTC), datetime),
        (Page("p", [Point(1, 2.0)], datetime(2026, 1, 2, tzinfo=UTC)), Page),
        (Model(id=uuid.UUID(int=1), tags=["a"]), Model),
        ([Model(id=uuid.UUID(int=1), tags=["a"])], list[Model]),
        (pathlib.PurePosixPath("a/b"), Any),
        (1 + 2j, Any),
    ],
)
def test_values_come_back_as_their_type(value: Any, hint: Any) -> None:
    assert serde.deserialize(serde.serialize(value), hint) == value


def test_arrays_come_back_alone_and_inside_values() -> None:
    vector = np.arange(3, dtype=np.float32)
    alone = serde.deserialize(serde.serialize(vector))
    assert alone.dtype == np.float32
    np.testing.assert_array_equal(alone, vector)
    holder = Holder(Model(id=uuid.UUID(int=2), tags=[]), pathlib.PurePosixPath("p"), vector)
    back = serde.deserialize(serde.serialize(holder), Holder)
    assert back.model == holder.model
    assert back.path == holder.path
    np.testing.assert_array_equal(back.vector, vector)


def test_a_pickle_names_only_what_is_allowed() -> None:
    assert serde.deserialize(serde.serialize(Opted(4))).value == 4
    with pytest.raises(serde.DeserializationError) as caught:
        serde.deserialize(pickle.dumps(Dangerous()))
    assert "builtins.print" in str(caught.value.__cause__)


def test_what_nobody_opted_in_is_not_written() -> None:
    with pytest.raises(NotImplementedError, match="Cannot serialize Dangerous"):
        serde.serialize([Dangerous()])


def test_an_error_names_the_type_and_where_it_is_from() -> None:
    read = serde.make_deserialize_fn(list[int], "return type of f()")
    with pytest.raises(serde.DeserializationError, match=r"list\[int\].*return type of f\(\)"):
        read(serde.serialize(["x"]))


def test_absence_is_stripped_from_annotations() -> None:
    assert serde.strip_non_existence_type(int | NonExistenceType) is int
    assert serde.strip_non_existence_type(int | str | NonExistenceType) == int | str
    assert pickle.loads(pickle.dumps(NON_EXISTENCE)) is NON_EXISTENCE


def test_numpy_and_pydantic_are_not_imported_for_plain_values() -> None:
    program = (
        "import sys\n"
        "from coco_flow.components import serde\n"
        "serde.deserialize(serde.serialize({'a': [1]}), dict)\n"
        "assert not {'numpy', 'pydantic'} & set(sys.modules), sorted(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
