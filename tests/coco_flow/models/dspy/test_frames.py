"""`apply_dspy_on_df` and what turns answers into columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import pandas as pd
import pytest
from pydantic import BaseModel
from sqlalchemy import JSON, Column
from sqlmodel import Field

from coco_flow.errors import DefinitionError, ValueMismatch, WrongRows
from coco_flow.models import (
    Database,
    LLMTelemetryMixin,
    ModelContext,
    PipelineModelBase,
    Reference,
    apply_dspy_on_df,
    execute_model_sync,
    get_dspy_lm,
    model,
    parse_json_columns,
    run_batch,
    to_dict,
    to_list,
)
from tests.coco_flow.models.dspy.conftest import answered
from tests.coco_flow.models.dspy.test_calls import asked, of
from tests.llm_server import LlmServer, Received
from tests.model_parts import contents, fill

ENTITIES = "text -> entities: list[str]"
FRAME = pd.DataFrame(
    {"id": ["a", "b"], "content": ["Ada Lovelace wrote.", "Alan Turing read."]}, index=[7, 3]
)


def test_answers_and_telemetry_are_columns(counting_server: str) -> None:
    lm = get_dspy_lm("openai/local", api_base=counting_server, cache=False)
    done = apply_dspy_on_df(
        FRAME,
        ENTITIES,
        input_fields={"text": "content"},
        output_fields={"entities": "entities_json"},
        lm=lm,
    )
    assert list(done.columns) == [
        "id", "content", "entities_json", "llm_model", "llm_input_tokens", "llm_output_tokens",
        "llm_cost_usd", "llm_latency_ms", "error",
    ]  # fmt: skip
    assert list(done.index) == [7, 3]
    assert list(done["entities_json"]) == [["Ada Lovelace"], ["Alan Turing"]]
    assert set(done["llm_model"]) == {"openai/local"}
    assert all(type(tokens) is int and tokens > 50 for tokens in done["llm_input_tokens"])
    assert list(done["error"]) == [None, None]
    assert "entities_json" not in FRAME


def test_fields_are_columns_of_the_same_name(server: LlmServer) -> None:
    frame = pd.DataFrame({"text": ["x"]})
    done = apply_dspy_on_df(frame, "text -> summary", lm=of(server))
    assert list(done["summary"]) == ["short"]


def test_a_chain_of_thought_has_the_fields_of_its_signature(server: LlmServer, dspy: Any) -> None:
    server.model = lambda _: answered(reasoning="because", summary="short")
    frame = pd.DataFrame({"text": ["x"]})
    for program, options in (
        ("text -> summary", {"predictor_class": dspy.ChainOfThought}),
        (dspy.ChainOfThought("text -> summary"), {}),
    ):
        done = apply_dspy_on_df(frame, program, lm=of(server), **options)
        assert list(done["summary"]) == ["short"]
        assert "reasoning" not in done


def test_a_module_of_several_predictors_needs_its_fields(server: LlmServer, dspy: Any) -> None:
    class Twice(dspy.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.first = dspy.Predict("text -> summary")
            self.second = dspy.Predict("text -> summary")

        def forward(self, text: str) -> Any:
            return self.second(text=self.first(text=text).summary)

    frame = pd.DataFrame({"text": ["x"]})
    with pytest.raises(DefinitionError, match=r"Twice has no signature of its own\."):
        apply_dspy_on_df(frame, Twice(), lm=of(server))
    fields = {"input_fields": {"text": "text"}, "output_fields": {"summary": "summary"}}
    assert list(apply_dspy_on_df(frame, Twice(), lm=of(server), **fields)["summary"]) == ["short"]


def test_a_column_that_is_not_there_is_named(server: LlmServer) -> None:
    with pytest.raises(DefinitionError) as caught:
        apply_dspy_on_df(FRAME, ENTITIES, lm=of(server))
    assert caught.value.message == (
        "The input field 'text' is read from the column 'text', which the frame does not have; "
        "it has id, content."
    )
    assert server.received == []


def test_a_row_that_fails_has_its_error(server: LlmServer) -> None:
    def say(received: Received) -> str:
        return "nonsense" if "Alan" in asked(received) else answered(entities='["x"]')

    server.model = say
    frame = FRAME.assign(error=["from before", None])
    done = apply_dspy_on_df(frame, ENTITIES, input_fields={"text": "content"}, lm=of(server))
    assert list(done["entities"]) == [["x"], None]
    assert done["error"].iloc[0] is None
    assert done["error"].iloc[1].startswith("The language model's answer does not have the fields")
    assert list(done["llm_model"]) == ["openai/scripted"] * 2


def test_hooks_prepare_and_finish_rows(server: LlmServer) -> None:
    server.model = lambda received: answered(summary=asked(received).upper())

    def before(row: dict[str, Any]) -> dict[str, Any] | None:
        return None if row["id"] == "b" else {"text": row["content"][:3]}

    def after(row: dict[str, Any], prediction: Any) -> dict[str, Any]:
        return {**row, "summary": f"<{row['summary']}>", "length": len(prediction.summary)}

    done = apply_dspy_on_df(
        FRAME, "text -> summary", pre_hook=before, post_hook=after, lm=of(server)
    )
    assert list(done["summary"]) == ["<ADA>", None]
    assert list(done["length"]) == [3, None]
    assert list(done["content"]) == list(FRAME["content"])
    assert len(server.received) == 1


def test_a_hook_that_raises_fails_its_row(server: LlmServer) -> None:
    def after(row: dict[str, Any], prediction: Any) -> dict[str, Any]:
        raise ValueError(row["id"])

    frame = FRAME.rename(columns={"content": "text"})
    done = apply_dspy_on_df(frame, "text -> summary", post_hook=after, lm=of(server))
    assert list(done["error"]) == ["ValueError: a", "ValueError: b"]


def test_an_empty_frame_gets_the_columns(server: LlmServer) -> None:
    done = apply_dspy_on_df(pd.DataFrame({"text": []}), "text -> summary", lm=of(server))
    assert list(done["summary"]) == []


def test_a_model_writes_the_frame(database: Database, counting_server: str) -> None:
    class EntityRow(LLMTelemetryMixin, PipelineModelBase, table=True):
        __tablename__ = "entities"
        document_id: str = Field(primary_key=True)
        entities: list[str] | None = Field(default=None, sa_column=Column(JSON))

    lm = get_dspy_lm("openai/local", api_base=counting_server, cache=False)

    @model("text.entities", EntityRow)
    def entities(ctx: ModelContext, documents: Any = Reference("documents")) -> pd.DataFrame:
        done = apply_dspy_on_df(
            documents, ENTITIES, input_fields={"text": "content"}, lm=lm, ctx=ctx
        )
        return done.rename(columns={"id": "document_id"}).drop(columns=["content"])

    fill(database, "CREATE TABLE documents (id TEXT PRIMARY KEY, content TEXT)",
         FRAME.to_dict("records"))  # fmt: skip
    done = execute_model_sync(entities)
    rows = contents(database, "entities", "document_id", "entities", "llm_input_tokens")
    assert [row[:2] for row in rows] == [("a", ["Ada Lovelace"]), ("b", ["Alan Turing"])]
    assert done["telemetry"]["llm_calls"] == 2
    assert done["telemetry"]["llm_input_tokens"] == sum(row[2] for row in rows)


def test_rows_take_predictions_and_telemetry(database: Database, counting_server: str) -> None:
    class MappedRow(LLMTelemetryMixin, PipelineModelBase, table=True):
        __tablename__ = "mapped"
        _dspy_mappings: ClassVar[dict[str, str]] = {"entities_json": "entities"}
        document_id: str = Field(primary_key=True)
        entities_json: list[str] | None = Field(default=None, sa_column=Column(JSON))

    lm = get_dspy_lm("openai/local", api_base=counting_server, cache=False)
    [one] = run_batch(ENTITIES, [{"text": "Ada Lovelace wrote."}], lm=lm)
    row = MappedRow(document_id="a", dspy_result=one.result, dspy_telemetry=one.telemetry)
    assert row.entities_json == ["Ada Lovelace"]
    assert row.llm_model == "openai/local"
    assert row.llm_input_tokens == one.telemetry["tokens_prompt"]
    assert row.llm_latency_ms == round(one.telemetry["execution_time"] * 1000)


def test_json_columns_are_parsed() -> None:
    frame = pd.DataFrame({"a": ["[1, 2]", None, '"x"'], "b": [{"k": 1}, "{}", float("nan")]})
    done = parse_json_columns(frame, ["a", "b"])
    assert list(done["a"]) == [[1, 2], None, "x"]
    assert list(done["b"]) == [{"k": 1}, {}, None]
    assert frame["a"].iloc[0] == "[1, 2]"


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["c"], "The frame has no column 'c'. Its columns: a."),
        (["a"], "Column 'a', row 1: 'no' is no JSON document: Expecting value"),
    ],
)
def test_columns_that_cannot_be_parsed_are_named(columns: list[str], message: str) -> None:
    with pytest.raises(WrongRows) as caught:
        parse_json_columns(pd.DataFrame({"a": ["1", "no"]}), columns)
    assert message in str(caught.value)


class Person(BaseModel):
    name: str


@dataclass
class Place:
    name: str


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, []),
        (float("nan"), []),
        ("[1, 2]", [1, 2]),
        ("plain", ["plain"]),
        ("null", []),
        ([Person(name="Ada")], [{"name": "Ada"}]),
        ((1, 2), [1, 2]),
        (Person(name="Ada"), [{"name": "Ada"}]),
        (5, [5]),
    ],
)
def test_to_list(value: Any, expected: list[Any]) -> None:
    assert to_list(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, {}),
        (float("nan"), {}),
        ('{"a": [1]}', {"a": [1]}),
        (Person(name="Ada"), {"name": "Ada"}),
        (Place("Paris"), {"name": "Paris"}),
        ({"p": Person(name="Ada")}, {"p": {"name": "Ada"}}),
    ],
)
def test_to_dict(value: Any, expected: dict[str, Any]) -> None:
    assert to_dict(value) == expected


@pytest.mark.parametrize("value", ["plain", "[1]", [1], 5])
def test_what_is_no_mapping_is_refused(value: Any) -> None:
    with pytest.raises(ValueMismatch, match="is no mapping"):
        to_dict(value)
