"""Values of every type as properties, and as keys, of each graph database."""

from __future__ import annotations

import datetime
import json
import uuid
from typing import Any

import numpy as np
import pytest

from coco_flow.targets.graph import NodeFromFields, Nodes, Relationships, TargetFieldMapping
from coco_flow.targets.graph_literal import literal
from tests.coco_flow.graph_targets.graphs import Graph
from tests.coco_flow.targets.rows import ALL_TYPES, export_schema

pytestmark = pytest.mark.slow

UTC = datetime.UTC
EXAMPLE: dict[str, Any] = {
    "text": "naïve 'quotes'",
    "number": -(2**63),
    "single": 0.5,
    "double": 1.5e300,
    "flag": True,
    "raw": b"\x00\xff",
    "id": uuid.UUID(int=7),
    "day": datetime.date(2024, 2, 29),
    "clock": datetime.time(1, 2, 3, 4),
    "local": datetime.datetime(2024, 1, 2, 3, 4, 5, 6),  # noqa: DTZ001
    "moment": datetime.datetime(2024, 1, 2, 3, 4, 5, 6, UTC),
    "span": datetime.timedelta(days=-1, microseconds=5),
    "place": (3, 9),
    "extra": {"a": [1, None, "x"]},
    "embedding": np.array([0.5, 1.0, -2.0], dtype=np.float32),
    "loose": np.array([0.25], dtype=np.float64),
    "part": ["p", 1],
    "parts": [["p", 1], ["q", 2]],
    "keyed": [["k", "p", 1]],
    "mixed": "text",
}
JSON_TEXTS = {
    "extra": {"a": [1, None, "x"]},
    "part": {"name": "p", "size": 1},
    "parts": [{"name": "p", "size": 1}, {"name": "q", "size": 2}],
    "mixed": "text",
}


def plain(value: Any) -> Any:
    """Return what clients give back in one form for all of them."""
    if hasattr(value, "to_native"):
        return value.to_native()
    return list(value) if isinstance(value, list | tuple) else value


def test_every_type_has_a_place_and_null_too(graph: Graph) -> None:
    schema = export_schema({"key": int}, {name: each | None for name, each in ALL_TYPES.items()})
    graph.export("all", Nodes("All"), schema).set_up()
    row = [EXAMPLE[name] for name in ALL_TYPES]
    graph.write({"all": {1: row, 2: [None] * len(row)}})
    graph.write({"all": {3: row}})
    found = graph.nodes("All", "key", *ALL_TYPES)
    first, empty, third = [dict(zip(ALL_TYPES, values[1:], strict=True)) for values in found]
    assert repr(first) == repr(third)
    assert set(map(repr, empty.values())) == {"None"}
    for name in ("text", "number", "single", "double", "flag"):
        assert first[name] == EXAMPLE[name], name
    for name, wanted in JSON_TEXTS.items():
        assert json.loads(first[name]) == wanted, name
    assert plain(first["place"]) == [3, 9]
    assert plain(first["embedding"]) == [0.5, 1.0, -2.0]
    assert plain(first["loose"]) == [0.25]
    assert str(first["id"]) == str(EXAMPLE["id"])
    check_native(graph.backend.name, {name: plain(value) for name, value in first.items()})


def check_native(backend: str, found: dict[str, Any]) -> None:
    """Check the types that databases hold in their own ways."""
    if backend == "falkordb":
        assert found["raw"] == "AP8="
        assert found["day"] == "2024-02-29"
        assert found["clock"] == "01:02:03.000004"
        assert found["local"] == "2024-01-02T03:04:05.000006"
        assert found["moment"] == "2024-01-02T03:04:05.000006Z"
        assert found["span"] == "-PT86399.999995S"
        return
    if backend == "neo4j":
        assert found["raw"] == EXAMPLE["raw"]
        assert found["day"] == EXAMPLE["day"]
        assert found["local"] == EXAMPLE["local"]
        assert found["clock"] == EXAMPLE["clock"]
        return
    if backend == "ladybug":
        for name in ("raw", "day", "local", "moment", "id"):
            assert found[name] == EXAMPLE[name], name
        assert found["span"] == "-PT86399.999995S"
        assert found["clock"] == "01:02:03.000004"
        return
    assert backend == "ladybug over HTTP"
    assert found["day"] == "2024-02-29"


@pytest.mark.parametrize(
    "name", ["text", "number", "id", "day", "local", "moment", "raw", "flag", "place", "clock"]
)
def test_keys_of_every_type_are_found_again(graph: Graph, name: str) -> None:
    kind, value = ALL_TYPES[name], EXAMPLE[name]
    graph.declare("Thing", "it")
    graph.export(
        "links",
        Relationships(
            "LINK",
            NodeFromFields("Thing", [TargetFieldMapping("a", "it")]),
            NodeFromFields("Thing", [TargetFieldMapping("b", "it")]),
        ),
        export_schema({"key": kind, "second": int}, {"a": kind, "b": kind}),
    ).set_up()
    for _ in range(2):
        graph.write({"links": {(value, 1): [value, value], (value, 2): [value, value]}})
    assert len(graph.nodes("Thing", "it")) == 1
    assert graph.relationships("Thing", "LINK", "Thing", "r.second") == [(1,), (2,)]
    graph.write({}, {"links": [(value, 1)]})
    assert len(graph.nodes("Thing", "it")) == 1
    graph.write({}, {"links": [(value, 2)]})
    assert graph.nodes("Thing", "it") == []


@pytest.mark.parametrize("text", ["", " ", "\t", "a ", " a", "x" * 70_000, "A", "é"])
def test_unusual_texts_are_keys_like_others(graph: Graph, text: str) -> None:
    graph.export("odd", Nodes("Odd"), export_schema({"id": str}, {"n": int})).set_up()
    graph.write({"odd": {text: [1], "a": [2]}})
    graph.write({"odd": {text: [3]}})
    assert graph.nodes("Odd", "id", "n") == sorted([("a", 2), (text, 3)], key=repr)
    graph.write({}, {"odd": [text]})
    assert graph.nodes("Odd", "id") == [("a",)]


def test_literals_quote_and_nest() -> None:
    assert literal([None, True, 'a"\\', 1, 1e22, ["x"]]) == '[NULL,true,"a\\"\\\\",1,1e22,["x"]]'
