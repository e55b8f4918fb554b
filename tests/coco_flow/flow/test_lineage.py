"""What the schema says of where a value came from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import functions
from coco_flow.flow.inspection import flow_schema, row_lineage
from coco_flow.op import ArgRelationship
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _embedded(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    scope["docs"] = builder.add_source(MemorySource(name="docs"))
    out = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["chunks"] = doc["content"].transform(functions.SplitRecursively(), chunk_size=40)
        with doc["chunks"].row() as chunk:
            chunk["embedding"] = chunk["text"].transform(functions.Embed(model="coco-static"))
            out.collect(
                filename=doc["filename"],
                location=chunk["location"],
                text=chunk["text"],
                embedding=chunk["embedding"],
            )
    out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename", "location"])


def _field(fields: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(field for field in fields if field["name"] == name)


@pytest.mark.row("OA-6 relationship")
@pytest.mark.row("OP-4 arg relationship")
def test_chunks_name_the_text_that_they_were_cut_from() -> None:
    flow = coco_flow.open_flow("F", _embedded)
    fields = flow_schema(flow)["sources"][0]["schema"]
    attributes = _field(fields, "chunks")["attrs"]
    assert attributes[ArgRelationship.CHUNKS_BASE_TEXT.value] == {
        "kind": "Field",
        "scope": "docs",
        "field_path": ["content"],
    }


@pytest.mark.row("OA-7 lineage chain")
@pytest.mark.row("OP-4 arg relationship")
def test_an_exported_vector_leads_back_to_the_document() -> None:
    flow = coco_flow.open_flow("F", _embedded)
    schema = flow_schema(flow)
    exported = _field(schema["exports"][0]["value"], "embedding")
    origin = exported["attrs"][ArgRelationship.EMBEDDING_ORIGIN_TEXT.value]
    assert origin == {"kind": "Field", "scope": "chunks", "field_path": ["text"]}
    tables = schema["sources"][0]["schema"]
    chunks = _field(tables, origin["scope"])
    assert "text" in [field["name"] for field in chunks["type"]["row"]["fields"]]
    base = chunks["attrs"][ArgRelationship.CHUNKS_BASE_TEXT.value]
    assert _field(tables, base["field_path"][0])["type"]["kind"] == "Str"


@pytest.mark.row("OP-4 arg relationship")
def test_a_row_shows_the_range_of_each_chunk_and_its_vector() -> None:
    text = "The first sentence is here. The second one follows it. A third ends it all."
    rows_of("docs")["a"] = text
    flow = coco_flow.open_flow("F", _embedded)
    flow.setup()
    flow.update()
    chunks = row_lineage(flow, "docs", ("a",))["fields"]["chunks"]
    assert len(chunks) > 1
    for chunk in chunks:
        start, end = chunk["location"]
        assert text[start:end] == chunk["text"]
        assert len(chunk["embedding"]) == 384
