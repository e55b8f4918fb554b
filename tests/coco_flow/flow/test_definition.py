"""Definitions of flows: scopes, slices and functions, and how a mistake is named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import coco_flow
from coco_flow import op
from coco_flow.errors import DefinitionError, NamingError
from tests.coco_flow.flow.definitions import (
    add_docs,
    build,
    first,
    joined,
    nested,
    open_body,
    refused,
    split_words,
)
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@pytest.mark.row("FD-1 flow_def")
def test_a_decorated_function_is_a_registeredopen_body() -> None:
    @coco_flow.flow_def(name="Named")
    def one(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        add_docs(builder, scope)

    @coco_flow.flow_def()
    def by_function(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        add_docs(builder, scope)

    assert isinstance(one, coco_flow.Flow)
    assert coco_flow.flow_names() == ["Named", "by_function"]


@pytest.mark.row("FD-1 duplicate name")
def test_two_open_flows_cannot_share_a_name() -> None:
    flow = open_body(lambda b, s: None)
    with pytest.raises(DefinitionError, match="already a flow called 'F'"):
        open_body(lambda b, s: None)
    flow.close()
    open_body(lambda b, s: None)


@pytest.mark.row("FD-2 open_flow")
def test_one_function_makes_several_independent_flows() -> None:
    def make(name: str) -> coco_flow.Flow:
        def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            scope["docs"] = builder.add_source(MemorySource(name=name))
            out = scope.add_collector()
            with scope["docs"].row() as doc:
                out.collect(filename=doc["filename"])
            out.export("t", MemoryTarget(name=name), primary_key_fields=["filename"])

        return coco_flow.open_flow(name, body)

    for name in ("one", "two", "three"):
        rows_of(name)[f"{name}.txt"] = "x"
    flows = [make(name) for name in ("one", "two", "three")]
    for flow in flows:
        flow.setup()
        flow.update()
    for name in ("one", "two", "three"):
        assert set(table_of(name).rows) == {(f"{name}.txt",)}


@pytest.mark.row("FD-10 registry")
def test_flows_are_found_by_name() -> None:
    flow = open_body(lambda b, s: None, "Shop")
    assert coco_flow.flow_by_name("Shop") is flow
    assert coco_flow.flows() == {"Shop": flow}
    with pytest.raises(KeyError, match="Did you mean 'Shop'"):
        coco_flow.flow_by_name("shop")


@pytest.mark.row("LC-14 lazy build")
@pytest.mark.row("IN-7 once-only build")
def test_the_definition_runs_at_first_need_and_once() -> None:
    runs = []

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        runs.append(threading.get_ident())
        add_docs(builder, scope)

    flow = open_body(body)
    assert runs == []
    threads = [threading.Thread(target=lambda: flow.graph) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(runs) == 1


@pytest.mark.row("OV-1 static schema")
def test_schemas_are_known_before_a_source_is_read() -> None:
    rows_of("docs").listing_fails = OSError("must not be listed")

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            doc["parts"] = doc["content"].transform(split_words)
            with doc["parts"].row() as part:
                out.collect(filename=doc["filename"], text=part["text"], size=part["size"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename", "text"])

    described = open_body(body).describe()
    assert rows_of("docs").lists == 0
    value = described["exports"][0]["value"]
    assert value[0]["name"] == "size"
    assert value[0]["type"]["kind"] == "Int64"


@pytest.mark.row("OV-1 dataflow, no mutation")
def test_a_field_is_set_once() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with add_docs(builder, scope).row() as doc:
            doc["content"] = doc["content"].transform(first)

    refused(body, "already exists", "'content'")


@pytest.mark.row("FD-3 source at top level")
def test_a_source_belongs_to_the_root() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with add_docs(builder, scope).row() as doc:
            doc["more"] = builder.add_source(MemorySource(name="more"))

    refused(body, "only be added to the root scope")


@pytest.mark.row("FD-3 wrong spec type")
def test_a_source_needs_the_spec_of_one() -> None:
    class Fn(op.FunctionSpec):
        pass

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(Fn())  # type: ignore[arg-type]

    refused(body, "got Fn")


@pytest.mark.row("DS-3 struct field")
def test_parts_of_structs_are_fields() -> None:
    rows_of("docs")["a"] = "one"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            doc["first"] = doc["content"].transform(first)
            with pytest.raises(KeyError, match="it has: text, size"):
                _ = doc["first"]["nope"]
            with pytest.raises(KeyError, match="Expected a struct"):
                _ = doc["content"]["x"]
            with pytest.raises(KeyError, match="which has: filename, content"):
                _ = doc["nope"]
            out.collect(filename=doc["filename"], size=doc["first"]["size"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    build(body)
    assert table_of("t").rows == {("a",): (3,)}


@pytest.mark.row("DS-4 row nesting")
@pytest.mark.row("DS-4 row over LTable")
@pytest.mark.row("DS-9 collector in parent")
@pytest.mark.row("EX-3 canonical flow")
def test_nested_rows_see_all_levels_in_order() -> None:
    rows_of("docs")["a"] = "x yy\nz"
    rows_of("docs")["b"] = "w"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            doc["lines"] = doc["content"].transform(nested)
            with doc["lines"].row() as line, line["parts"].row() as part:
                part["id"] = line["name"].transform(joined, part["text"])
                out.collect(
                    id=coco_flow.GeneratedField.UUID,
                    filename=doc["filename"],
                    line=line["name"],
                    text=part["text"],
                    made=part["id"],
                )
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["id"])

    flow = build(body)
    assert sorted(table_of("t").rows.values()) == [
        ("a", "x yy", "x", "x yy-x"), ("a", "x yy", "yy", "x yy-yy"),
        ("a", "z", "z", "z-z"), ("b", "w", "w", "w-w"),
    ]  # fmt: skip
    from coco_flow.flow.inspection import row_lineage

    shown = row_lineage(flow, "docs", ("a",))["fields"]["lines"]
    assert [[part["text"] for part in line["parts"]] for line in shown] == [["x", "yy"], ["z"]]


@pytest.mark.row("DS-4 row on non-table")
def test_only_tables_have_rows() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with add_docs(builder, scope).row() as doc, doc["content"].row():
            pass

    refused(body, "Only tables have rows", "'content' (Str)")


@pytest.mark.row("DS-5 for_each")
@pytest.mark.row("DS-7 call")
def test_for_each_and_call_define_the_same_graph() -> None:
    def with_block(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            doc["both"] = doc["filename"].transform(joined, doc["content"])
            out.collect(filename=doc["filename"], both=doc["both"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    def with_function(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()

        def each(doc: coco_flow.DataScope) -> None:
            doc["both"] = doc["filename"].call(lambda a, b: a.transform(joined, b), doc["content"])
            out.collect(filename=doc["filename"], both=doc["both"])

        add_docs(builder, scope).for_each(each)
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    rows_of("docs")["a"] = "x"
    build(with_block).close()
    assert open_body(with_function).update().stats == {"docs": {"num_no_change": 1}}


@pytest.mark.row("DS-8 field name check")
def test_names_of_fields_and_targets_are_checked() -> None:
    def bad_field(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["a b"] = builder.add_source(MemorySource(name="docs"))

    def bad_target(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("a-b", MemoryTarget(name="t"), primary_key_fields=["filename"])

    for body in (bad_field, bad_target):
        flow = open_body(body)
        with pytest.raises(NamingError, match="letters, digits"):
            _ = flow.graph
        flow.close()


@pytest.mark.row("DS-10 scope after with")
def test_a_scope_ends_with_its_block() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with add_docs(builder, scope).row() as doc:
            content = doc["content"]
        with pytest.raises(DefinitionError, match="block had ended"):
            _ = doc["content"]
        scope["late"] = content.transform(first)

    refused(body, "no such rows")


@pytest.mark.row("DS-11 auto names")
def test_unnamed_sources_are_numbered() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        for _ in range(2):
            with builder.add_source(MemorySource(name="docs")).row():
                pass

    graph = open_body(body).graph
    assert [source.name for source in graph.sources] == ["memory_source_0", "memory_source_1"]


@pytest.mark.row("OP-1 export placement")
def test_only_collectors_of_the_root_are_exported() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with add_docs(builder, scope).row() as doc:
            inner = doc.add_collector()
            inner.collect(filename=doc["filename"])
            inner.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    refused(body, "belonging to the root scope")
