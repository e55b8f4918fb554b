"""Live updates: what they follow, how they begin and end, what they report."""

from __future__ import annotations

import asyncio
import datetime
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import FlowLiveUpdater, FlowLiveUpdaterOptions, op
from coco_flow.errors import FlowError, SetupNeeded
from coco_flow.flow import live
from coco_flow.sources import LocalFile
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.coco_flow.flow.event_source import EventSource, feed_of, forget_feeds
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of
from tests.waiting import until

OFTEN = datetime.timedelta(milliseconds=50)


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    forget_feeds()
    with flow_state(tmp_path):
        yield


def _events(function: Any = None) -> coco_flow.Flow:
    feed_of("docs").put("a", "one", 1)
    flow = doc_flow(function, source=EventSource(name="docs"), key="_key")
    flow.setup()
    return flow


def _polled(function: Any = None) -> coco_flow.Flow:
    rows_of("docs")["a"] = "one"
    flow = doc_flow(function, options={"refresh_interval": OFTEN})
    flow.setup()
    return flow


def _threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "coco-flow-" in thread.name}


@pytest.mark.row("LIVE-1 live mode")
def test_a_saved_file_reaches_the_target_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("one", encoding="utf-8")
    flow = doc_flow(source=LocalFile(path=str(folder), watch_changes=True))
    flow.setup()
    with FlowLiveUpdater(flow) as updater:
        assert updater.next_status_updates().active_sources == ["docs"]
        (folder / "b.md").write_text("two", encoding="utf-8")
        until(lambda: table_of("t").rows.get(("b.md",)) == ("two",))
        (folder / "a.md").unlink()
        until(lambda: ("a.md",) not in table_of("t").rows)


@pytest.mark.row("OV-3 live refresh")
@pytest.mark.row("LIVE-2 refresh interval")
def test_a_source_is_listed_again_after_each_interval() -> None:
    flow = _polled()
    rows_of("docs")["b"] = "two"
    with FlowLiveUpdater(flow):
        until(lambda: len(table_of("t").rows) == 2)
        rows_of("docs")["a"] = "edited"
        until(lambda: table_of("t").rows["a",] == ("edited",), 3)
        del rows_of("docs")["b"]
        until(lambda: table_of("t").rows == {("a",): ("edited",)}, 3)
        table_of("t").reset_counts()
        lists = rows_of("docs").lists
        until(lambda: rows_of("docs").lists > lists + 2)
        assert table_of("t").upserts == 0, "listings without a change write nothing"


@pytest.mark.row("LIVE-2b interval ignored in one-time mode")
@pytest.mark.row("LC-7 live_mode False")
def test_one_pass_is_all_that_is_done_without_live_mode() -> None:
    flow = _polled()
    flow.update()
    assert rows_of("docs").lists == 1
    updater = FlowLiveUpdater(flow, FlowLiveUpdaterOptions(live_mode=False))
    updater.start()
    updater.wait()
    assert rows_of("docs").lists == 2
    assert updater.next_status_updates().active_sources == []
    assert not _threads() & {"coco-flow-live-F", "coco-flow-docs"}


@pytest.mark.row("LIVE-1b no capture mechanism")
def test_live_mode_with_nothing_to_follow_ends_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rows_of("docs")["a"] = "one"
    flow = doc_flow()
    flow.setup()
    with caplog.at_level(logging.WARNING, "coco_flow"):
        updater = FlowLiveUpdater(flow)
        updater.start()
        updater.wait()
        assert "none has a refresh_interval" in caplog.text
        caplog.clear()
        flow.update()
        assert caplog.text == ""
    assert table_of("t").rows == {("a",): ("one",)}


@pytest.mark.row("LIVE-4 updater methods")
@pytest.mark.row("LC-6 abort/wait")
def test_start_returns_at_once_and_abort_may_be_repeated() -> None:
    entered, release = threading.Event(), threading.Event()

    @op.function(behavior_version=1)
    def slow(text: str) -> str:
        entered.set()
        release.wait(30)
        return text

    flow = _polled(slow)
    updater = FlowLiveUpdater(flow)
    with pytest.raises(FlowError, match="was not started"):
        updater.wait()
    updater.start()
    with pytest.raises(FlowError, match="was started already"):
        updater.start()
    assert entered.wait(30)
    assert table_of("t").rows == {}, "start did not wait for the first row"
    updater.abort()
    updater.abort()
    release.set()
    updater.wait()
    updater.abort()
    assert updater.next_status_updates().active_sources == []
    assert flow.update().stats["docs"] in ({"num_no_change": 1}, {"num_insertions": 1})
    assert table_of("t").rows == {("a",): ("one",)}


@pytest.mark.row("LC-6 context manager")
@pytest.mark.row("LIVE-4b context managers")
def test_leaving_the_block_ends_all_work_even_by_an_exception() -> None:
    before = _threads() | {"coco-flow-loop"}
    flow = _polled()
    with pytest.raises(KeyError, match="mine"), FlowLiveUpdater(flow) as updater:
        until(lambda: ("a",) in table_of("t").rows)
        raise KeyError("mine")
    assert _threads() <= before
    rows_of("docs")["a"] = "later"
    assert updater.next_status_updates().active_sources == []
    assert table_of("t").rows == {("a",): ("one",)}

    async def inside_a_loop() -> None:
        async with FlowLiveUpdater(flow) as other:
            updates = await other.next_status_updates_async()
            assert updates.updated_sources == ["docs"]

    asyncio.run(inside_a_loop())
    assert table_of("t").rows == {("a",): ("later",)}
    assert _threads() <= before


@pytest.mark.row("LIVE-5 options")
def test_the_first_pass_may_write_everything_again() -> None:
    flow = _polled()
    flow.update()
    table_of("t").reset_counts()
    options = FlowLiveUpdaterOptions(reexport_targets=True)
    with FlowLiveUpdater(flow, options):
        until(lambda: table_of("t").upserts == 1)
        lists = rows_of("docs").lists
        until(lambda: rows_of("docs").lists > lists + 2)
        assert table_of("t").upserts == 1, "later passes write only what changed"


@pytest.mark.row("LC-7 print_stats")
def test_statistics_are_printed_if_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    flow = _polled()
    for wanted in (False, True):
        with FlowLiveUpdater(flow, FlowLiveUpdaterOptions(print_stats=wanted)) as updater:
            updater.next_status_updates()
            lists = rows_of("docs").lists
            until(lambda before=lists: rows_of("docs").lists > before + 1)
        assert ("docs: " in capsys.readouterr().out) is wanted


def _two_sources() -> coco_flow.Flow:
    rows_of("polled")["p"] = "p1"
    feed_of("events").put("e", "e1", 1)

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        scope["polled"] = builder.add_source(MemorySource(name="polled"), refresh_interval=OFTEN)
        scope["events"] = builder.add_source(EventSource(name="events"))
        with scope["polled"].row() as doc:
            out.collect(key=doc["filename"], content=doc["content"])
        with scope["events"].row() as doc:
            out.collect(key=doc["_key"], content=doc["content"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["key"])

    flow = coco_flow.open_flow("Two", define)
    flow.setup()
    return flow


@pytest.mark.row("LIVE-8 several sources")
@pytest.mark.row("LIVE-6 status updates")
@pytest.mark.row("LC-8 status updates")
def test_sources_of_both_kinds_stay_fresh_and_are_reported_together() -> None:
    flow = _two_sources()
    with FlowLiveUpdater(flow) as updater:
        first = updater.next_status_updates()
        assert first.updated_sources == ["events", "polled"]
        assert first.active_sources == ["events", "polled"]
        rows_of("polled")["p"] = "p2"
        feed_of("events").put("e", "e2", 2)
        feed_of("events").send(["e"])
        until(lambda: table_of("t").rows == {("p",): ("p2",), ("e",): ("e2",)})
        # Both changed between two updates.
        until(lambda: len(updater._updated) == 2)
        assert updater.next_status_updates().updated_sources == ["events", "polled"]
        assert feed_of("events").lists == 1, "events need no listing"
    assert updater.next_status_updates().active_sources == []


@pytest.mark.row("LC-9 update_stats")
def test_statistics_grow_while_an_update_runs() -> None:
    gate = threading.Semaphore(0)

    @op.function(behavior_version=1)
    def slow(text: str) -> str:
        gate.acquire()
        return text

    flow = doc_flow(slow, options={"max_inflight_rows": 1})
    flow.setup()
    for number in range(6):
        rows_of("docs")[str(number)] = "x"
    updater = FlowLiveUpdater(flow, FlowLiveUpdaterOptions(live_mode=False))
    updater.start()
    seen = []
    for number in range(6):
        until(lambda wanted=number: updater.update_stats().in_progress["docs"] == 1)
        seen.append(updater.update_stats().total("num_insertions"))
        gate.release()
        until(lambda wanted=number: updater.update_stats().total("num_insertions") == wanted + 1)
    updater.wait()
    assert seen == [0, 1, 2, 3, 4, 5]
    assert updater.update_stats().in_progress == {"docs": 0}


@pytest.mark.row("LIVE-7 update() is the same engine")
def test_an_update_and_an_updater_of_one_pass_count_alike() -> None:
    def changed(flow: coco_flow.Flow, number: int) -> None:
        rows_of("docs")["a"] = f"text {number}"
        rows_of("docs")[f"new {number}"] = "x"

    flow = _polled()
    flow.update()
    changed(flow, 1)
    counts = flow.update().stats
    changed(flow, 2)
    updater = FlowLiveUpdater(flow, FlowLiveUpdaterOptions(live_mode=False))
    updater.start()
    updater.wait()
    expected = dict(counts["docs"], num_no_change=1)
    assert counts == {"docs": {"num_updates": 1, "num_insertions": 1}}
    assert updater.update_stats().stats == {"docs": expected}


@pytest.mark.row("LIVE-10 sync and async")
@pytest.mark.row("LC-5 async twin")
def test_both_styles_give_the_same_result() -> None:
    rows_of("docs")["a"] = "one"
    flow = doc_flow()

    async def in_a_loop() -> dict[str, dict[str, int]]:
        await flow.setup_async()
        info = await flow.update_async()
        # Synchronous calls work inside a running loop too, as in a notebook.
        assert flow.update().stats == {"docs": {"num_no_change": 1}}
        return info.stats

    stats = asyncio.run(in_a_loop())
    rows = dict(table_of("t").rows)
    flow.drop()
    flow.setup()
    assert flow.update().stats == stats
    assert table_of("t").rows == rows


def test_an_updater_of_a_flow_that_is_not_set_up_says_so() -> None:
    with pytest.raises(SetupNeeded):
        FlowLiveUpdater(doc_flow(options={"refresh_interval": OFTEN})).start()


@pytest.mark.row("AR-5 cancellation")
@pytest.mark.row("ENG-5 cancellation")
@pytest.mark.parametrize("cached", [False, True])
def test_abort_cancels_what_waits_and_leaves_no_task(cached: bool) -> None:
    started, ended = threading.Event(), []

    async def wait_for_ever(text: str) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(text)
        return text

    options = {"cache": True, "behavior_version": 1} if cached else {}
    flow = _polled(op.function(**options)(wait_for_ever))
    rows_of("docs")["b"] = "two"
    updater = FlowLiveUpdater(flow)
    updater.start()
    assert started.wait(30)
    updater.abort()
    updater.wait()
    assert sorted(ended) == ["one", "two"]
    tasks = coco_flow.runtime.run(_other_tasks())
    assert [task for task in tasks if "wait_for_ever" in task] == []
    assert flow.store.runs(flow.store.flow_id("F") or 0)[0]["status"] == "aborted"
    assert flow.store.errors(flow.store.flow_id("F") or 0) == [], "an abort is no failure"
    assert updater.update_stats().in_progress == {"docs": 0}


async def _other_tasks() -> list[str]:
    return [repr(task) for task in asyncio.all_tasks()]


@pytest.mark.row("INC-12 per-row lock")
def test_one_row_is_never_in_work_twice() -> None:
    running, most, calls = [0], [0], [0]
    guard = threading.Lock()

    @op.function()
    async def watched(text: str) -> str:
        with guard:
            running[0] += 1
            calls[0] += 1
            most[0] = max(most[0], running[0])
        await asyncio.sleep(0)
        with guard:
            running[0] -= 1
        return text

    flow = _events(watched)
    feed = feed_of("docs")
    with FlowLiveUpdater(flow) as updater:
        updater.next_status_updates()
        for number in range(2, 22):
            feed.put("a", f"text {number}", number)
            feed.send(["a", "a"])
        until(lambda: table_of("t").rows == {("a",): ("text 21",)})
    assert most[0] == 1
    assert calls[0] >= 2


@pytest.mark.row("INC-15 stream resilience")
def test_a_stream_that_breaks_is_opened_again_after_growing_waits(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    assert (live._FIRST_RETRY, live._LAST_RETRY) == (5.0, 60.0)
    monkeypatch.setattr(live, "_FIRST_RETRY", 0.01)
    monkeypatch.setattr(live, "_LAST_RETRY", 0.03)
    flow = _events()
    feed = feed_of("docs")
    with caplog.at_level(logging.ERROR, "coco_flow"), FlowLiveUpdater(flow) as updater:
        updater.next_status_updates()
        for number in range(1, 5):
            until(lambda wanted=number: feed.watches == wanted)
            feed.send(ConnectionError("network down"))
        until(lambda: feed.watches == 5)
        # What changed while the stream was down is found by a listing.
        feed.put("b", "unreported", 1)
        feed.send(ConnectionError("network down"))
        until(lambda: ("b",) in table_of("t").rows)
        feed.put("a", "two", 2)
        feed.send(["a"])
        until(lambda: table_of("t").rows["a",] == ("two",))
    waits = [record.args[1] for record in caplog.records if record.args]
    assert waits == [0.01, 0.02, 0.03, 0.03, 0.03]
