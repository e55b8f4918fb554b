"""Types as functions of flows use them."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import pytest
from pydantic import BaseModel

import coco_flow
from coco_flow import DataSlice, Vector, op

Embedding = Vector[np.float32, Literal[3]]


@dataclass
class Line:
    text: str
    number: int


class LineTuple(NamedTuple):
    number: int
    text: str = ""


class LineModel(BaseModel):
    text: str


@op.function()
def embed(text: str) -> Embedding:
    return np.full(3, len(text), np.float32)


@op.function()
def weigh(embedding: Embedding, factor: int, bias: float | None) -> float:
    embedding *= factor
    return float(embedding.sum()) + (bias or 0)


def test_vectors_go_from_function_to_function() -> None:
    @coco_flow.transform_flow()
    def flow(text: DataSlice[str], bias: DataSlice[float | None]) -> DataSlice[float]:
        return text.transform(embed).transform(weigh, 2, bias)

    assert flow.eval("abc", None) == 18.0
    assert flow.eval("abc", 1.0) == 19.0


@pytest.mark.row("TY-3 multi-vector")
def test_vectors_of_vectors_go_from_function_to_function() -> None:
    @op.function()
    def embed_all(text: str) -> Vector[Embedding]:
        return np.ones((len(text), 3), np.float32)

    @op.function()
    def sizes(vectors: Vector[Embedding]) -> list[int]:
        return list(vectors.shape)  # type: ignore[attr-defined] - a numpy array

    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[list[int]]:
        return text.transform(embed_all).transform(sizes)

    assert list(flow.eval("ab")) == [2, 3]


@pytest.mark.row("EN-1 classes restored")
@pytest.mark.parametrize("wanted", [Line, LineTuple, LineModel])
def test_functions_get_the_class_that_they_declare(wanted: type) -> None:
    seen: list[Any] = []

    @op.function()
    def make(text: str) -> Line:
        return Line(text, 1)

    def look(line: Any) -> str:
        seen.append(line)
        return line.text

    look.__annotations__["line"] = wanted
    look_at = op.function()(look)

    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[str]:
        return text.transform(make).transform(look_at)

    assert flow.eval("a") == "a"
    assert isinstance(seen[0], wanted)


@pytest.mark.row("TY-8 Any return")
def test_an_argument_without_annotation_gets_the_natural_form() -> None:
    @op.function()
    def make(text: str) -> list[Line]:
        return [Line(text, 1)]

    @op.function()
    def show(lines, more: Any) -> str:  # type: ignore[no-untyped-def]
        return f"{lines} {more}"

    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[str]:
        return text.transform(make).transform(show, text)

    assert flow.eval("a") == "[{'text': 'a', 'number': 1}] a"


@pytest.mark.row("TY-8 Any return")
@pytest.mark.parametrize("annotation", [Any, dict[str, int], set[int]])
def test_a_return_type_that_is_not_specific_is_refused(annotation: Any) -> None:
    def make(text: str) -> Any:
        return text

    make.__annotations__["return"] = annotation
    function = op.function()(make)

    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[str]:
        return text.transform(function)

    with pytest.raises(ValueError, match="Make: the return type"):
        flow.eval("a")


@pytest.mark.row("EN-3 None skip")
def test_a_function_is_not_called_without_what_it_requires() -> None:
    calls: list[str] = []

    @op.function()
    def nothing(text: str) -> str | None:
        return None

    @op.function()
    def shout(text: str) -> str:
        calls.append(text)
        return text.upper()

    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[str | None]:
        return text.transform(nothing).transform(shout)

    assert flow.eval("a") is None
    assert calls == []


@pytest.mark.row("EN-3 optional arg")
def test_a_nullable_parameter_gets_none() -> None:
    @op.function()
    def show(text: str | None) -> str:
        return repr(text)

    @coco_flow.transform_flow()
    def flow(text: DataSlice[str | None]) -> DataSlice[str]:
        return text.transform(show)

    assert flow.eval(None) == "None"


@pytest.mark.row("EN-5 batch types")
def test_a_batching_function_is_one_of_single_items() -> None:
    @op.function(batching=True)
    def measure(lines: list[Line]) -> list[LineTuple]:
        return [LineTuple(len(line.text)) for line in lines]

    @op.function()
    def number(line: LineTuple) -> int:
        return line.number

    @coco_flow.transform_flow()
    def flow(line: DataSlice[Line]) -> DataSlice[int]:
        return line.transform(measure).transform(number)

    assert flow.eval(Line("abc", 0)) == 3


@pytest.mark.row("EN-4 error path")
def test_a_wrong_value_is_named_with_its_path() -> None:
    @op.function()
    def make(text: str) -> list[Line]:
        return [Line(text, "one")]  # type: ignore[arg-type] - what is tested

    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[list[Line]]:
        return text.transform(make)

    with pytest.raises(Exception, match=r"Expected an integer at `\[\*\]\.number`, got str: 'one'"):
        flow.eval("a")
