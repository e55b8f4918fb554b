"""Definitions of flows: what they may say, and how a mistake is named before any data is read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import op
from coco_flow.errors import DefinitionError, NamingError
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of

Body = Callable[[coco_flow.FlowBuilder, coco_flow.DataScope], None]


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@dataclass
class Part:
    text: str
    size: int


@dataclass
class Outer:
    name: str
    parts: list[Part]


@op.function(behavior_version=1)
def split(text: str) -> list[Part]:
    return [Part(word, len(word)) for word in text.split()]


@op.function(behavior_version=1)
def nested(text: str) -> list[Outer]:
    return [Outer(line, [Part(w, len(w)) for w in line.split()]) for line in text.split("\n")]


@op.function(behavior_version=1)
def joined(left: str, right: str, separator: str = "-") -> str:
    return f"{left}{separator}{right}"


@op.function(behavior_version=1)
def first(text: str) -> Part:
    return Part(text[:1], len(text))


def _flow(body: Body, name: str = "F") -> coco_flow.Flow:
    return coco_flow.open_flow(name, body)


def _docs(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> coco_flow.DataSlice[Any]:
    scope["docs"] = builder.add_source(MemorySource(name="docs"))
    return scope["docs"]


def _refused(body: Body, *words: str) -> str:
    flow = _flow(body)
    with pytest.raises(ValueError) as caught:
        _ = flow.graph
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


def _build(body: Body) -> coco_flow.Flow:
    flow = _flow(body)
    flow.setup()
    flow.update()
    return flow


@pytest.mark.row("FD-1 flow_def")
def test_a_decorated_function_is_a_registered_flow() -> None:
    @coco_flow.flow_def(name="Named")
    def one(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        _docs(builder, scope)

    @coco_flow.flow_def()
    def by_function(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        _docs(builder, scope)

    assert isinstance(one, coco_flow.Flow)
    assert coco_flow.flow_names() == ["Named", "by_function"]


@pytest.mark.row("FD-1 duplicate name")
def test_two_open_flows_cannot_share_a_name() -> None:
    flow = _flow(lambda b, s: None)
    with pytest.raises(DefinitionError, match="already a flow called 'F'"):
        _flow(lambda b, s: None)
    flow.close()
    _flow(lambda b, s: None)


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
    flow = _flow(lambda b, s: None, "Shop")
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
        _docs(builder, scope)

    flow = _flow(body)
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
        with _docs(builder, scope).row() as doc:
            doc["parts"] = doc["content"].transform(split)
            with doc["parts"].row() as part:
                out.collect(filename=doc["filename"], text=part["text"], size=part["size"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename", "text"])

    described = _flow(body).describe()
    assert rows_of("docs").lists == 0
    value = described["exports"][0]["value"]
    assert value[0]["name"] == "size"
    assert value[0]["type"]["kind"] == "Int64"


@pytest.mark.row("OV-1 dataflow, no mutation")
def test_a_field_is_set_once() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with _docs(builder, scope).row() as doc:
            doc["content"] = doc["content"].transform(first)

    _refused(body, "already exists", "'content'")


@pytest.mark.row("FD-3 source at top level")
def test_a_source_belongs_to_the_root() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with _docs(builder, scope).row() as doc:
            doc["more"] = builder.add_source(MemorySource(name="more"))

    _refused(body, "only be added to the root scope")


@pytest.mark.row("FD-3 wrong spec type")
def test_a_source_needs_the_spec_of_one() -> None:
    class Fn(op.FunctionSpec):
        pass

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(Fn())  # type: ignore[arg-type]

    _refused(body, "got Fn")


@pytest.mark.row("FD-4 builder transform")
@pytest.mark.row("OP-1 custom function")
def test_a_function_of_two_slices() -> None:
    rows_of("docs")["a"] = "one"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            doc["both"] = builder.transform(joined, doc["filename"], doc["content"])
            out.collect(filename=doc["filename"], both=doc["both"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    flow = _build(body)
    assert table_of("t").rows == {("a",): ("a-one",)}
    operations = flow.describe()["sources"][0]["operations"]
    assert operations[0]["type"]["type"]["kind"] == "Str"


@pytest.mark.row("FD-12 constants")
def test_a_changed_literal_runs_again_what_depends_on_it() -> None:
    rows_of("docs")["a"] = "one"
    calls: list[str] = []

    @op.function(cache=True, behavior_version=1)
    def upper(text: str) -> str:
        calls.append("upper")
        return text.upper()

    @op.function(cache=True, behavior_version=1)
    def suffix(text: str, end: str) -> str:
        calls.append(f"suffix {end}")
        return text + end

    def make(end: str) -> Body:
        def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            out = scope.add_collector()
            with _docs(builder, scope).row() as doc:
                doc["upper"] = doc["content"].transform(upper)
                doc["ended"] = doc["upper"].transform(suffix, end)
                out.collect(filename=doc["filename"], ended=doc["ended"], by="me")
            out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

        return body

    _build(make("!")).close()
    calls.clear()
    flow = _flow(make("?"))
    assert flow.update().stats == {"docs": {"num_reprocesses": 1}}
    assert calls == ["suffix ?"]
    assert table_of("t").rows == {("a",): ("ONE?", "me")}


@pytest.mark.row("DS-2 lazy slices")
def test_a_slice_that_nobody_uses_calls_nothing() -> None:
    rows_of("docs")["a"] = "one"
    calls: list[str] = []

    @op.function(behavior_version=1)
    def noisy(text: str) -> str:
        calls.append(text)
        return text

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            doc["content"].transform(noisy)
            out.collect(filename=doc["filename"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    _build(body)
    assert calls == []


@pytest.mark.row("DS-3 struct field")
def test_parts_of_structs_are_fields() -> None:
    rows_of("docs")["a"] = "one"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            doc["first"] = doc["content"].transform(first)
            with pytest.raises(KeyError, match="it has: text, size"):
                _ = doc["first"]["nope"]
            with pytest.raises(KeyError, match="Expected a struct"):
                _ = doc["content"]["x"]
            with pytest.raises(KeyError, match="which has: filename, content"):
                _ = doc["nope"]
            out.collect(filename=doc["filename"], size=doc["first"]["size"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    _build(body)
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
        with _docs(builder, scope).row() as doc:
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

    flow = _build(body)
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
        with _docs(builder, scope).row() as doc, doc["content"].row():
            pass

    _refused(body, "Only tables have rows", "'content' (Str)")


@pytest.mark.row("DS-5 for_each")
@pytest.mark.row("DS-7 call")
def test_for_each_and_call_define_the_same_graph() -> None:
    def with_block(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            doc["both"] = doc["filename"].transform(joined, doc["content"])
            out.collect(filename=doc["filename"], both=doc["both"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    def with_function(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()

        def each(doc: coco_flow.DataScope) -> None:
            doc["both"] = doc["filename"].call(lambda a, b: a.transform(joined, b), doc["content"])
            out.collect(filename=doc["filename"], both=doc["both"])

        _docs(builder, scope).for_each(each)
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    rows_of("docs")["a"] = "x"
    _build(with_block).close()
    assert _flow(with_function).update().stats == {"docs": {"num_no_change": 1}}


@pytest.mark.row("DS-8 field name check")
def test_names_of_fields_and_targets_are_checked() -> None:
    def bad_field(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["a b"] = builder.add_source(MemorySource(name="docs"))

    def bad_target(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("a-b", MemoryTarget(name="t"), primary_key_fields=["filename"])

    for body in (bad_field, bad_target):
        flow = _flow(body)
        with pytest.raises(NamingError, match="letters, digits"):
            _ = flow.graph
        flow.close()


@pytest.mark.row("DS-10 scope after with")
def test_a_scope_ends_with_its_block() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with _docs(builder, scope).row() as doc:
            content = doc["content"]
        with pytest.raises(DefinitionError, match="block had ended"):
            _ = doc["content"]
        scope["late"] = content.transform(first)

    _refused(body, "no such rows")


@pytest.mark.row("DS-11 auto names")
def test_unnamed_sources_are_numbered() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        for _ in range(2):
            with builder.add_source(MemorySource(name="docs")).row():
                pass

    graph = _flow(body).graph
    assert [source.name for source in graph.sources] == ["memory_source_0", "memory_source_1"]


@pytest.mark.row("OP-1 export placement")
def test_only_collectors_of_the_root_are_exported() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with _docs(builder, scope).row() as doc:
            inner = doc.add_collector()
            inner.collect(filename=doc["filename"])
            inner.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    _refused(body, "belonging to the root scope")


@pytest.mark.row("OP-2 argument errors")
@pytest.mark.parametrize(
    ("args", "named", "words"),
    [
        (2, {}, "too many arguments passed in: 3 > 2"),
        (0, {"nope": 1}, "unexpected keyword argument passed in: 'nope'"),
        (-1, {}, "missing arguments: right"),
    ],
)
def test_arguments_are_checked_by_name(args: int, named: dict[str, Any], words: str) -> None:
    @op.function(behavior_version=1)
    def two(left: str, right: str) -> str:
        return left + right

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with _docs(builder, scope).row() as doc:
            more = [doc["content"]] * (args if args > 0 else 1 + args)
            doc["x"] = doc["content"].transform(two, *more, **named)

    _refused(body, words, "Two")


@pytest.mark.row("OP-2 unregistered callable")
def test_a_plain_function_is_refused_with_the_remedy() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with _docs(builder, scope).row() as doc:
            doc["x"] = doc["content"].transform(len)

    _refused(body, "'len'", "@coco_flow.op.function()")


@pytest.mark.row("OP-3 collect constants")
@pytest.mark.row("OP-8 two targets")
def test_constants_and_two_targets_of_one_collector() -> None:
    rows_of("docs")["a"] = "x"
    rows_of("docs")["b"] = "y"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"], origin="wiki", rank=3)
        for name in ("one", "two"):
            out.export(name, MemoryTarget(name=name), primary_key_fields=["filename"])

    _build(body)
    assert table_of("one").rows == {("a",): ("wiki", 3), ("b",): ("wiki", 3)}
    assert table_of("one").rows == table_of("two").rows


@pytest.mark.row("OP-3 type agreement")
def test_collect_calls_must_agree() -> None:
    def types(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"], x=doc["content"])
            out.collect(filename=doc["filename"], x=1)

    def order(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"], x=1)
            out.collect(x=2, filename=doc["filename"])

    _refused(types, "not compatible", "'x'", "Str", "Int64")
    coco_flow.flow_by_name("F").close()
    _refused(order, "consistent order", "'filename'", "'x'")


def test_collect_calls_with_different_fields_are_united() -> None:
    rows_of("docs")["a"] = "x"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(kind="short", filename=doc["filename"])
            out.collect(kind="long", filename=doc["filename"], text=doc["content"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["kind", "filename"])

    _build(body)
    assert table_of("t").rows == {("short", "a"): (None,), ("long", "a"): ("x",)}


def _uuid_flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    out = scope.add_collector()
    with _docs(builder, scope).row() as doc:
        doc["parts"] = doc["content"].transform(split)
        with doc["parts"].row() as part:
            out.collect(id=coco_flow.GeneratedField.UUID, text=part["text"])
    out.export("t", MemoryTarget(name="t"), primary_key_fields=["id"])


@pytest.mark.row("OP-4 stable UUID")
@pytest.mark.row("OP-4 equal rows")
@pytest.mark.row("TXT-5 swap target, generated ids")
def test_generated_ids_stay_and_tell_equal_rows_apart() -> None:
    rows_of("docs")["a"] = "one two two"
    flow = _build(_uuid_flow)
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
def test_two_generated_ids_in_a_row_are_refused() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row():
            out.collect(a=coco_flow.GeneratedField.UUID, b=coco_flow.GeneratedField.UUID)

    _refused(body, "Only one generated UUID field is allowed")


@pytest.mark.row("OP-5 missing key field")
def test_a_key_field_must_be_collected() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["nope"])

    _refused(body, "field not found: 'nope'", "collected are: filename")


@pytest.mark.row("OP-5 non-target spec")
def test_an_export_needs_the_spec_of_a_target() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("t", MemorySource(name="t"), primary_key_fields=["filename"])  # type: ignore[arg-type]

    _refused(body, "needs the spec of a target", "MemorySource")


def _exported_as(name: str, table: str) -> Body:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export(name, MemoryTarget(name=table), primary_key_fields=["filename"])

    return body


@pytest.mark.row("OP-6 rename target")
@pytest.mark.row("CT-2 persistent key gone")
def test_another_target_name_drops_the_old_and_fills_the_new() -> None:
    rows_of("docs")["a"] = "x"
    _build(_exported_as("one", "one")).close()
    flow = _flow(_exported_as("two", "two"))
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
        with _docs(builder, scope).row() as doc:
            out.collect(filename=doc["filename"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"], setup_by_user=True)

    flow = _build(body)
    assert table_of("t").rows == {("a",): ()}
    flow.drop()
    assert table_of("t").setups == []
    assert table_of("t").rows == {("a",): ()}


@pytest.mark.row("IMG-2 conditional flow")
def test_a_definition_may_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        import os

        out = scope.add_collector()
        with _docs(builder, scope).row() as doc:
            caption = {"caption": doc["content"]} if os.environ.get("CAPTION") else {}
            out.collect(filename=doc["filename"], **caption)
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    flow = _flow(body)
    assert [f["name"] for f in flow.describe()["exports"][0]["value"]] == []
    flow.close()
    monkeypatch.setenv("CAPTION", "1")
    flow = _flow(body)
    assert [f["name"] for f in flow.describe()["exports"][0]["value"]] == ["caption"]


@pytest.mark.row("IN-3 logic fingerprint")
@pytest.mark.row("INC-5b logic digest is stable")
def test_reformatting_changes_nothing_and_a_new_step_runs_again() -> None:
    rows_of("docs")["a"] = "x"

    def make(source: str, use: bool) -> Body:
        scope_of: dict[str, Any] = {"op": op, "__name__": "formatted"}
        import linecache

        name = f"<formatted {len(source)} {hash(source)}>"
        linecache.cache[name] = (len(source), None, source.splitlines(True), name)
        exec(compile(source, name, "exec"), scope_of)

        def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            out = scope.add_collector()
            with _docs(builder, scope).row() as doc:
                doc["x"] = doc["content"].transform(scope_of["f"])
                if use:
                    doc["y"] = doc["x"].transform(scope_of["f"])
                out.collect(filename=doc["filename"], x=doc["y" if use else "x"])
            out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

        return body

    plain = "@op.function()\ndef f(text: str) -> str:\n    return text + '!'\n"
    other = (
        "@op.function()\ndef f(  text: str  ) -> str:\n    # A comment.\n"
        '    """What it does."""\n    return text + "!"\n'
    )
    changed = "@op.function()\ndef f(text: str) -> str:\n    return text + '?'\n"
    _build(make(plain, False)).close()
    flow = _flow(make(other, False))
    assert flow.update().stats == {"docs": {"num_no_change": 1}}
    flow.close()
    flow = _flow(make(changed, False))
    assert flow.update().stats == {"docs": {"num_reprocesses": 1}}
    flow.close()
    assert _flow(make(changed, True)).update().stats == {"docs": {"num_reprocesses": 1}}
    assert table_of("t").rows == {("a",): ("x??",)}
