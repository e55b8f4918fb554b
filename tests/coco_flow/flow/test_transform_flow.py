"""Transform flows: one piece of logic for flows and for single values."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import coco_flow
from coco_flow import DataSlice, functions, op
from coco_flow.errors import DefinitionError
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@op.function()
def size(text: str) -> int:
    return len(text)


@coco_flow.transform_flow()
def embedded(text: DataSlice[str]) -> DataSlice[Any]:
    return text.transform(functions.Embed(model="coco-static"))


@coco_flow.transform_flow()
def sized(text: DataSlice[str]) -> DataSlice[int]:
    return text.transform(size)


@pytest.mark.row("TF-1 transform_flow")
@pytest.mark.row("TXT-1 transform flow")
@pytest.mark.row("TF-4 embed in a flow")
def test_the_index_and_the_question_are_embedded_alike(state: None) -> None:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["vector"] = embedded(doc["content"])
            out.collect(
                key=doc["filename"], vector=doc["vector"], again=doc["content"].call(embedded)
            )
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["key"])

    text = "a lease that two processes want"
    rows_of("docs")["a"] = text
    flow = coco_flow.open_flow("F", define)
    operations = flow.describe()["sources"][0]["operations"]
    assert [each.get("function") for each in operations] == ["Embed", "Embed", None]
    flow.setup()
    flow.update()
    stored, again = table_of("t").rows["a",]
    asked = embedded.eval(text)
    assert np.array_equal(stored, asked)
    assert np.array_equal(again, asked)
    assert not np.array_equal(embedded.eval("another text"), asked)


@pytest.mark.row("TF-3 eval")
@pytest.mark.row("TF-3 no database")
def test_values_are_computed_without_any_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COCO_FLOW_DATABASE_URL", "postgresql://nowhere.invalid/none")
    coco_flow.init()
    try:
        assert sized.eval("hello world") == 11
        assert sized.eval(text="hello world") == 11
        assert asyncio.run(sized.eval_async("hello world")) == 11
    finally:
        coco_flow.stop()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.row("TF-3 missing input")
def test_a_missing_input_is_named() -> None:
    with pytest.raises(ValueError, match=r"'sized': missing input 'text'"):
        sized.eval()
    with pytest.raises(ValueError, match=r"unexpected keyword argument 'texts'"):
        sized.eval(texts="x")


@pytest.mark.row("TF-2 missing annotation")
@pytest.mark.parametrize("annotation", [DataSlice, None, str])
def test_a_parameter_without_a_value_type_is_named(annotation: Any) -> None:
    def shown(text, other):  # type: ignore[no-untyped-def]
        return text

    shown.__annotations__ = {"text": DataSlice[str]}
    if annotation is not None:
        shown.__annotations__["other"] = annotation
    with pytest.raises(ValueError, match=r"'other' of transform flow 'shown'.*DataSlice\[T\]"):
        coco_flow.transform_flow()(shown)


@pytest.mark.row("TF-2 *args rejected")
def test_a_list_of_parameters_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'texts'.*cannot be passed by name"):

        @coco_flow.transform_flow()
        def many(*texts: DataSlice[str]) -> DataSlice[str]:
            return texts[0]

    with pytest.raises(ValueError, match=r"'named'.*cannot be passed by name"):

        @coco_flow.transform_flow()
        def named(**named: DataSlice[str]) -> DataSlice[str]:
            return named["x"]


def test_a_result_that_is_no_slice_is_refused() -> None:
    @coco_flow.transform_flow()
    def nothing(text: DataSlice[str]) -> DataSlice[str]:
        return "text"  # type: ignore[return-value]

    with pytest.raises(DefinitionError, match="must return a slice, got str"):
        nothing.eval("x")
