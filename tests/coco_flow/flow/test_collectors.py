"""Collectors and exports: rows, generated ids, keys, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import coco_flow
from tests.coco_flow.flow.definitions import Body, add_docs, build, open_body, refused, split_words
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@pytest.mark.row("OP-3 collect constants")
@pytest.mark.row("OP-8 two targets")
def test_constants_and_two_targets_of_one_collector() -> None:
    rows_of("docs")["a"] = "x"
    rows_of("docs")["b"] = "y"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"], origin="wiki", rank=3)
        for name in ("one", "two"):
            out.export(name, MemoryTarget(name=name), primary_key_fields=["filename"])

    build(body)
    assert table_of("one").rows == {("a",): ("wiki", 3), ("b",): ("wiki", 3)}
    assert table_of("one").rows == table_of("two").rows


@pytest.mark.row("OP-3 type agreement")
def test_collect_calls_must_agree() -> None:
    def types(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"], x=doc["content"])
            out.collect(filename=doc["filename"], x=1)

    def order(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"], x=1)
            out.collect(x=2, filename=doc["filename"])

    refused(types, "not compatible", "'x'", "Str", "Int64")
    coco_flow.flow_by_name("F").close()
    refused(order, "consistent order", "'filename'", "'x'")


def test_collect_calls_with_different_fields_are_united() -> None:
    rows_of("docs")["a"] = "x"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(kind="short", filename=doc["filename"])
            out.collect(kind="long", filename=doc["filename"], text=doc["content"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["kind", "filename"])

    build(body)
    assert table_of("t").rows == {("short", "a"): (None,), ("long", "a"): ("x",)}


def _uuid_flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    out = scope.add_collector()
    with add_docs(builder, scope).row() as doc:
        doc["parts"] = doc["content"].transform(split_words)
        with doc["parts"].row() as part:
            out.collect(id=coco_flow.GeneratedField.UUID, text=part["text"])
    out.export("t", MemoryTarget(name="t"), primary_key_fields=["id"])


@pytest.mark.row("OP-4 stable UUID")
@pytest.mark.row("OP-4 equal rows")
@pytest.mark.row("TXT-5 swap target, generated ids")
def test_generated_ids_stay_and_tell_equal_rows_apart() -> None:
    rows_of("docs")["a"] = "one two two"
    flow = build(_uuid_flow)
    before = dict(table_of("t").rows)
    assert sorted(before.values()) == [("one",), ("two",), ("two",)]
    flow.update(reexport_targets=True)
    assert table_of("t").rows == before
    rows_of("docs")["a"] = "ONE two two"
    flow.update()
    kept = {key for key, row in before.items() if row == ("two",)}
    assert kept < set(table_of("t").rows)
    assert len(set(table_of("t").rows) - kept) == 1


@pytest.mark.row("OP-4 one UUID")
def test_two_generated_ids_in_a_row_arerefused() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row():
            out.collect(a=coco_flow.GeneratedField.UUID, b=coco_flow.GeneratedField.UUID)

    refused(body, "Only one generated UUID field is allowed")


@pytest.mark.row("OP-5 missing key field")
def test_a_key_field_must_be_collected() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["nope"])

    refused(body, "field not found: 'nope'", "collected are: filename")


@pytest.mark.row("OP-5 non-target spec")
def test_an_export_needs_the_spec_of_a_target() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("t", MemorySource(name="t"), primary_key_fields=["filename"])  # type: ignore[arg-type]

    refused(body, "needs the spec of a target", "MemorySource")


def _exported_as(name: str, table: str) -> Body:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export(name, MemoryTarget(name=table), primary_key_fields=["filename"])

    return body


@pytest.mark.row("OP-6 rename target")
@pytest.mark.row("CT-2 persistent key gone")
def test_another_target_name_drops_the_old_and_fills_the_new() -> None:
    rows_of("docs")["a"] = "x"
    build(_exported_as("one", "one")).close()
    flow = open_body(_exported_as("two", "two"))
    flow.setup()
    flow.update()
    assert table_of("one").setups[-1][1] is None
    assert not table_of("one").rows
    assert table_of("two").rows == {("a",): ()}


@pytest.mark.row("OP-7 setup_by_user")
def test_a_target_of_the_users_own_is_only_written_to() -> None:
    rows_of("docs")["a"] = "x"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"], setup_by_user=True)

    flow = build(body)
    assert table_of("t").rows == {("a",): ()}
    flow.drop()
    assert table_of("t").setups == []
    assert table_of("t").rows == {("a",): ()}
