"""Flows as objects: names, closing, updates from several threads, operations on all flows."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import FlowLiveUpdaterOptions, op
from coco_flow.errors import FlowError
from coco_flow.flow.context import context
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of
from tests.waiting import until


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _flow(name: str) -> coco_flow.Flow:
    rows_of(name)["a"] = f"text of {name}"
    return doc_flow(name=name, source=MemorySource(name=name), target=MemoryTarget(name=name))


@pytest.mark.row("LC-4 close")
@pytest.mark.row("SET-6 close versus drop")
def test_a_closed_flow_is_forgotten_and_its_data_stays() -> None:
    flow = _flow("one")
    flow.setup()
    flow.update()
    flow.close()
    flow.close()
    assert coco_flow.flow_names() == []
    assert table_of("one").rows == {("a",): ("text of one",)}
    options = coco_flow.EvaluateAndDumpOptions(output_dir="nowhere")
    methods: list[Callable[[], Any]] = [
        flow.setup, flow.update, flow.drop, flow.describe, lambda: flow.evaluate_and_dump(options),
        lambda: flow.add_query_handler("q", print),
    ]  # fmt: skip
    for method in methods:
        with pytest.raises(FlowError, match="'one' is closed"):
            method()
    again = _flow("one")
    assert again.update().stats == {"docs": {"num_no_change": 1}}, "the name is free"


class _Gate:
    """A function that waits in its first call."""

    def __init__(self) -> None:
        self.entered, self.release = threading.Event(), threading.Event()

    def __call__(self, text: str) -> str:
        if not self.entered.is_set():
            self.entered.set()
            self.release.wait(30)
        return text


def _gated() -> tuple[_Gate, coco_flow.Flow]:
    gate = _Gate()

    @op.function(behavior_version=1)
    def pass_gate(text: str) -> str:
        return gate(text)

    rows_of("docs")["a"] = "text"
    flow = doc_flow(pass_gate)
    flow.setup()
    return gate, flow


def _updates_at_once(flow: coco_flow.Flow, gate: _Gate, pool: ThreadPoolExecutor) -> list[Any]:
    """Start one update, and nine more while it runs; all ten are inside when it returns."""
    updates: list[Future[Any]] = [pool.submit(flow.update)]
    assert gate.entered.wait(30)
    updates += [pool.submit(flow.update) for _ in range(9)]
    until(lambda: _threads_inside("_coalesced") == 10)
    return updates


def _threads_inside(function: str) -> int:
    number = 0
    for frame in sys._current_frames().values():
        names = []
        while frame is not None:
            names.append(frame.f_code.co_name)
            frame = frame.f_back  # type: ignore[assignment] - None ends the loop
        # Waiting for something, that is past the first steps of the call.
        number += function in names and names[0] in ("wait", function)
    return number


@pytest.mark.row("LC-5 coalescing")
@pytest.mark.row("INC-13 scan coalescing")
@pytest.mark.row("IN-6 sync from thread")
def test_ten_updates_at_once_make_two_passes() -> None:
    gate, flow = _gated()
    with ThreadPoolExecutor(10) as pool:
        updates = _updates_at_once(flow, gate, pool)
        # Changed after the first pass has listed: the second must see it.
        rows_of("docs")["b"] = "added"
        gate.release.set()
        infos = [update.result(30) for update in updates]
    assert rows_of("docs").lists == 2
    assert len({id(info) for info in infos}) == 2
    assert table_of("t").rows == {("a",): ("text",), ("b",): ("added",)}
    assert flow.update().stats == {"docs": {"num_no_change": 2}}
    assert rows_of("docs").lists == 3, "a later call makes a pass of its own"


@pytest.mark.row("ENG-4 shared errors")
def test_everyone_who_shares_a_failed_update_hears_of_it() -> None:
    gate, flow = _gated()
    with ThreadPoolExecutor(10) as pool:
        updates = _updates_at_once(flow, gate, pool)
        rows_of("docs").listing_fails = OSError("the listing is cut short")
        gate.release.set()
        failures = [update.exception(30) for update in updates[1:]]
    assert [str(failure) for failure in failures] == ["the listing is cut short"] * 9
    assert updates[0].exception(30) is None, "it had listed before"
    rows_of("docs").listing_fails = None
    assert not flow.update().has_errors


@pytest.mark.row("LC-13 all flows")
@pytest.mark.row("SET-3b setup of many flows")
def test_all_flows_are_set_up_and_updated_together(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("one", "two", "three"):
        _flow(name)
    bundle = coco_flow.make_setup_bundle([coco_flow.flow_by_name(n) for n in ("one", "two")])
    text, up_to_date = bundle.describe()
    assert not up_to_date
    assert "memory table one" in text
    assert "memory table two" in text
    assert "three" not in text
    bundle.apply()
    assert coco_flow.flow_names_with_setup() == ["one", "two"]
    coco_flow.setup_all_flows(report_to_stdout=True)
    assert "memory table three" in capsys.readouterr().out
    assert coco_flow.flow_names_with_setup() == ["one", "three", "two"]
    options = FlowLiveUpdaterOptions(live_mode=False)
    infos = asyncio.run(coco_flow.update_all_flows_async(options))
    assert {name: info.stats for name, info in infos.items()} == {
        name: {"docs": {"num_insertions": 1}} for name in ("one", "two", "three")
    }
    assert coco_flow.update_all_flows(options)["two"].stats == {"docs": {"num_no_change": 1}}
    coco_flow.drop_all_flows()
    assert coco_flow.flow_names_with_setup() == []
    assert not any(table_of(name).rows for name in ("one", "two", "three"))


@pytest.mark.row("ENG-1/2/6 contexts")
def test_flows_share_the_store_the_limits_and_the_loop_and_nothing_else() -> None:
    loops: set[int] = set()

    @op.function()
    async def look(text: str) -> str:
        loops.add(id(asyncio.get_running_loop()))
        return text

    flows = []
    for name in ("one", "two"):
        rows_of(name)["a"] = "x"
        flow = doc_flow(
            look, name=name, source=MemorySource(name=name), target=MemoryTarget(name=name)
        )
        flow.query_handler("ask")(lambda query, own=name: coco_flow.QueryOutput([own + query]))
        flows.append(flow)
    one, two = flows
    one.setup()
    one.update()
    two.setup()
    two.update()
    assert len(loops) == 1
    assert one.store is two.store
    assert context.limiter.most_rows == 1
    assert one.query_handlers["ask"](query="!").results == ["one!"]
    assert two.query_handlers["ask"](query="!").results == ["two!"]
    one.drop()
    assert coco_flow.flow_names_with_setup() == ["two"]
    assert two.update().stats == {"docs": {"num_no_change": 1}}


@pytest.mark.row("INC-10d one target fails")
def test_a_target_that_fails_holds_up_no_other_and_is_mended() -> None:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            out.collect(key=doc["filename"], content=doc["content"])
        for name in ("good", "bad"):
            out.export(name, MemoryTarget(name=name), primary_key_fields=["key"])

    rows_of("docs")["a"] = "x"
    flow = coco_flow.open_flow("F", define)
    flow.setup()
    table_of("bad").fails = OSError("down")
    assert flow.update().stats == {"docs": {"num_errors": 1}}
    assert table_of("good").rows == {("a",): ("x",)}
    assert table_of("bad").rows == {}
    table_of("bad").fails = None
    table_of("good").reset_counts()
    assert not flow.update().has_errors
    assert table_of("bad").rows == {("a",): ("x",)}
    assert table_of("good").upserts == 0
