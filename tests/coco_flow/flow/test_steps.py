"""Functions in definitions: arguments, literals, source code, and what runs again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import op
from tests.coco_flow.flow.definitions import (
    Body,
    add_docs,
    build,
    joined,
    open_body,
    refused,
)
from tests.flow_parts import MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@pytest.mark.row("FD-4 builder transform")
@pytest.mark.row("OP-1 custom function")
def test_a_function_of_two_slices() -> None:
    rows_of("docs")["a"] = "one"

    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            doc["both"] = builder.transform(joined, doc["filename"], doc["content"])
            out.collect(filename=doc["filename"], both=doc["both"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    flow = build(body)
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
            with add_docs(builder, scope).row() as doc:
                doc["upper"] = doc["content"].transform(upper)
                doc["ended"] = doc["upper"].transform(suffix, end)
                out.collect(filename=doc["filename"], ended=doc["ended"], by="me")
            out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

        return body

    build(make("!")).close()
    calls.clear()
    flow = open_body(make("?"))
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
        with add_docs(builder, scope).row() as doc:
            doc["content"].transform(noisy)
            out.collect(filename=doc["filename"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    build(body)
    assert calls == []


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
        with add_docs(builder, scope).row() as doc:
            more = [doc["content"]] * (args if args > 0 else 1 + args)
            doc["x"] = doc["content"].transform(two, *more, **named)

    refused(body, words, "Two")


@pytest.mark.row("OP-2 unregistered callable")
def test_a_plain_function_is_refused_with_the_remedy() -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        with add_docs(builder, scope).row() as doc:
            doc["x"] = doc["content"].transform(len)

    refused(body, "'len'", "@coco_flow.op.function()")


@pytest.mark.row("IMG-2 conditional flow")
def test_a_definition_may_branch(monkeypatch: pytest.MonkeyPatch) -> None:
    def body(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        import os

        out = scope.add_collector()
        with add_docs(builder, scope).row() as doc:
            caption = {"caption": doc["content"]} if os.environ.get("CAPTION") else {}
            out.collect(filename=doc["filename"], **caption)
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    flow = open_body(body)
    assert [f["name"] for f in flow.describe()["exports"][0]["value"]] == []
    flow.close()
    monkeypatch.setenv("CAPTION", "1")
    flow = open_body(body)
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
            with add_docs(builder, scope).row() as doc:
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
    build(make(plain, False)).close()
    flow = open_body(make(other, False))
    assert flow.update().stats == {"docs": {"num_no_change": 1}}
    flow.close()
    flow = open_body(make(changed, False))
    assert flow.update().stats == {"docs": {"num_reprocesses": 1}}
    flow.close()
    assert open_body(make(changed, True)).update().stats == {"docs": {"num_reprocesses": 1}}
    assert table_of("t").rows == {("a",): ("x??",)}
