"""The models on the wire: strict where clients speak, tolerant where services answer."""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

import coco_protocol
from coco_core.configs import DEFAULT_CONFIG, ChunkingConfig
from coco_core.errors import InvalidConfig
from coco_protocol.base import Answer, Request
from coco_protocol.configs import ChunkingBody, ConfigRequest
from coco_protocol.docs import QueryEnvelope, QueryRequest, RetrievalBody
from coco_protocol.envelope import Envelope
from coco_protocol.grep import GrepRequest
from coco_protocol.projects import RegisterRequest
from coco_protocol.system import HealthData


def models(base: type[BaseModel]) -> list[type[BaseModel]]:
    found = {
        value
        for module in pkgutil.iter_modules(coco_protocol.__path__)
        for value in vars(importlib.import_module(f"coco_protocol.{module.name}")).values()
        if inspect.isclass(value)
        and issubclass(value, base)
        and value is not base
        # Parametrized generics have no name of their own.
        and value.__name__.isidentifier()
    }
    return sorted(found - {Envelope}, key=lambda model: model.__name__)


REQUESTS, ANSWERS = models(Request), models(Answer)


def examples(model: type[BaseModel]) -> st.SearchStrategy[BaseModel]:
    """Build instances from the types of the fields, within what their limits say."""
    schema = model.model_json_schema()
    definitions = schema.get("$defs", {})

    def value(part: dict[str, object]) -> st.SearchStrategy[object]:
        match part:
            case {"$ref": str(ref)}:
                return objects(definitions[ref.rpartition("/")[2]])
            case {"anyOf": list(options)}:
                return st.one_of([value(option) for option in options])
            case {"enum": list(choices)}:
                return st.sampled_from(choices)
            case {"type": "array", "items": dict(item)}:
                least = int(str(part.get("minItems", 0)))
                return st.lists(value(item), min_size=least, max_size=least + 2)
            case {"type": "object", "additionalProperties": dict(item)}:
                return st.dictionaries(st.text(max_size=5), value(item), max_size=2)
            case {"type": "object"}:
                return st.dictionaries(st.text(max_size=5), st.integers(), max_size=2)
            case {"type": "string"}:
                least = int(str(part.get("minLength", 0)))
                letters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
                return st.text(letters, min_size=least, max_size=least + 8)
            case {"type": "integer" | "number" as kind}:
                low = int(Decimal(str(part.get("minimum", 0))))
                high = int(Decimal(str(part.get("maximum", low + 100))))
                whole = st.integers(low, high)
                return whole if kind == "integer" else whole | st.floats(low, high)
            case {"type": "boolean"}:
                return st.booleans()
            case {"type": "null"}:
                return st.none()
        raise AssertionError(part)

    def objects(part: dict[str, dict[str, dict[str, object]]]) -> st.SearchStrategy[object]:
        fields = {name: value(field) for name, field in part["properties"].items()}
        required = {name: fields.pop(name) for name in part.get("required", ())}
        return st.fixed_dictionaries(required, optional=fields)

    return objects(schema).map(lambda data: model.model_validate_json(json.dumps(data)))


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("model", REQUESTS + ANSWERS, ids=lambda model: model.__name__)
def test_round_trip(model: type[BaseModel], data: st.DataObject) -> None:
    instance = data.draw(examples(model))
    assert model.model_validate_json(instance.model_dump_json()) == instance
    assert model.model_validate(instance.model_dump()) == instance
    # What clients send: only the fields that were set.
    assert model.model_validate_json(instance.model_dump_json(exclude_unset=True)) == instance


@pytest.mark.parametrize("model", REQUESTS, ids=lambda model: model.__name__)
def test_a_request_refuses_unknown_fields(model: type[Request]) -> None:
    with pytest.raises(ValidationError) as caught:
        model.model_validate_json('{"surprise": 1}')
    assert "extra_forbidden" in {problem["type"] for problem in caught.value.errors()}


@pytest.mark.parametrize("model", ANSWERS, ids=lambda model: model.__name__)
def test_an_answer_ignores_unknown_fields(model: type[Answer]) -> None:
    try:
        model.model_validate_json('{"surprise": 1}')
    except ValidationError as error:
        assert {problem["type"] for problem in error.errors()} == {"missing"}


@pytest.mark.parametrize("model", REQUESTS + ANSWERS, ids=lambda model: model.__name__)
def test_models_are_frozen_and_described(model: type[BaseModel]) -> None:
    assert model.model_config["frozen"]
    assert model.__doc__


@pytest.mark.parametrize(
    "body",
    [
        '{"query": "x", "retrieval_config": {"top_k": "10"}}',
        '{"query": "x", "retrieval_config": {"top_k": 1.5}}',
        '{"query": "x", "explain": "yes"}',
        '{"query": 7}',
        '{"query": ""}',
        '{"query": "x", "retrieval_config": {"top_k": 0}}',
        '{"query": "x", "retrieval_config": {"min_score": Infinity}}',
        '{"query": "x", "filters": {"languages": "python"}}',
        '{"query": "x", "path": ""}',
        '{"query": "x\\u0000"}',
    ],
)
def test_a_query_is_not_coerced(body: str) -> None:
    with pytest.raises(ValidationError):
        QueryRequest.model_validate_json(body)


def test_nested_requests_are_built_from_plain_data_too() -> None:
    request = QueryRequest.model_validate({"query": "x", "retrieval_config": {"top_k": 3}})
    assert request.retrieval_config == RetrievalBody(top_k=3)


@pytest.mark.parametrize("model", [GrepRequest, RegisterRequest])
def test_nothing_holds_nul(model: type[Request]) -> None:
    field = "pattern" if model is GrepRequest else "path"
    with pytest.raises(ValidationError, match="pattern"):
        model.model_validate({field: "a\0b"})


def test_infinite_scores_of_an_answer_become_null() -> None:
    body = HealthData.model_validate(
        {
            "version": "1",
            "pid": 1,
            "started_at": 0.0,
            "uptime_seconds": float("inf"),
            "home": "/",
            "model": {"name": "m", "state": "ready"},
            "queues": {},
        }
    ).model_dump_json()
    assert json.loads(body)["uptime_seconds"] is None


def test_the_default_config_is_the_core_s() -> None:
    assert ConfigRequest(config_id="default").to_config() == DEFAULT_CONFIG


def test_a_config_that_contradicts_itself_is_the_core_s_error() -> None:
    body = ConfigRequest(config_id="x", chunking=ChunkingBody(chunk_size=64, chunk_overlap=64))
    with pytest.raises(InvalidConfig, match="chunk_overlap is 64"):
        body.to_config()


def test_the_wire_accepts_what_the_core_does() -> None:
    chunking = ChunkingBody(strategy_name="recursive_char", chunk_size=512, unit="chars")
    config = ConfigRequest(config_id="x", chunking=chunking).to_config()
    assert config.chunking == ChunkingConfig("recursive_char", 512, 0, "chars")


def test_the_answer_of_a_query_has_the_shape_of_the_specification() -> None:
    text = """
    { "meta": { "status": "fresh", "request_id": "r", "tier": "transformer", "pending_files": 0,
                "took_ms": { "embed": 3.1, "search": 2.0, "validate": 0.4 } },
      "data": { "results": [
        { "meta":  { "score": 0.85, "vector": 0.81, "fts": 12.4,
                     "quality": null, "verified": null },
          "chunk": { "chunk_id": "c", "doc_id": "src/app.py", "path": "src/app.py",
                     "start_line": 10, "end_line": 42, "language": "python", "kind": "function",
                     "symbol": "App.run", "heading_trail": [], "content": "..." } } ] } }
    """
    answer = QueryEnvelope.model_validate_json(text)
    assert answer.meta.took_ms["embed"] == 3.1
    assert answer.data.results[0].chunk.symbol == "App.run"
