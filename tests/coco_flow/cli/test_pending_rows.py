"""How many rows the next update would process, and why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import coco_flow
from coco_flow.flow.pending import PendingRows, Reason, pending_rows
from coco_flow.state import sql
from tests.coco_flow.engine.words_flow import words_flow
from tests.flow_parts import flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _filled(count: int = 4) -> None:
    for number in range(count):
        rows_of("a")[f"{number}.txt"] = f"text {number}"
    rows_of("b")["y.txt"] = "other"


def _of_a(flow: coco_flow.Flow, **options: bool) -> PendingRows:
    return pending_rows(flow, **({"list_sources": True} | options))[0]


def test_a_flow_that_is_not_set_up_has_new_rows_only() -> None:
    _filled()
    flow = words_flow("F")
    assert _of_a(flow).rows == {Reason.NEW: 4}
    assert flow.store.flow_id("F") is None, "counting records nothing"


def test_reasons_are_told_apart_and_nothing_is_processed() -> None:
    _filled(5)
    rows_of("a")["bad.txt"] = "BOOM"
    flow = words_flow("F")
    flow.setup()
    flow.update()
    rows_of("a")["new.txt"] = "new"
    rows_of("a")["1.txt"] = "edited"
    rows_of("a").touch("2.txt")
    del rows_of("a")["3.txt"]
    reads, upserts = list(rows_of("a").reads), table_of("lines").upserts
    pending = _of_a(flow)
    # The failed row never got anywhere, so that it is as good as new.
    assert pending.rows == {Reason.NEW: 2, Reason.GONE: 1, Reason.TOKEN: 2}
    assert (pending.known, pending.unchanged, pending.total) == (5, 2, 5)
    assert (rows_of("a").reads, table_of("lines").upserts) == (reads, upserts)
    assert flow.update().stats["a"] == {
        "num_insertions": 1,
        "num_updates": 1,
        "num_deletions": 1,
        "num_no_change": 3,
        "num_errors": 1,
    }
    assert _of_a(flow).rows == {Reason.NEW: 1}


def test_a_row_that_fails_after_it_was_fine_failed_before() -> None:
    _filled()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    rows_of("a")["1.txt"] = "BOOM"
    flow.update()
    assert _of_a(flow).rows == {Reason.FAILED: 1}
    assert _of_a(flow, list_sources=False).rows == {Reason.FAILED: 1}


def test_changed_logic_is_no_changed_target() -> None:
    _filled()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    flow.close()
    changed = words_flow("F", version=2)
    assert _of_a(changed).rows == {Reason.LOGIC: 4}
    assert _of_a(changed, list_sources=False) == PendingRows("a", 4, 0, {Reason.LOGIC: 4}, False)
    changed.update()
    assert _of_a(changed).rows == {}


@pytest.mark.parametrize("applied", [False, True], ids=["planned", "applied"])
def test_a_target_that_loses_rows_is_told_before_and_after_set_up(applied: bool) -> None:
    _filled()
    flow = words_flow("F", with_words=False)
    flow.setup()
    flow.update()
    # As if another version had set the target up with another key.
    resource = flow.store.resources(flow.store.flow_id("F") or 0)[0]
    flow.store.finish_resource(resource.id, {**resource.state, "key": []}, False)
    if applied:
        flow.setup()
    assert _of_a(flow).rows == {Reason.TARGET: 4}
    flow.setup()
    assert flow.update().stats["a"] == {"num_reprocesses": 4}
    assert _of_a(flow).rows == {}


def test_an_added_export_is_a_changed_target() -> None:
    _filled()
    flow = words_flow("F", with_words=False)
    flow.setup()
    flow.update()
    flow.close()
    wider = words_flow("F", with_words=True)
    # The new export comes with a new collector: that is other logic, too.
    assert _of_a(wider).rows == {Reason.LOGIC: 4}


def test_rows_that_were_cut_short_are_unfinished() -> None:
    _filled()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    source_id = flow.store.sources(flow.store.flow_id("F") or 0)["a"]
    row_id = next(flow.store.row_id_pages(source_id, flow.store.last_row_id(source_id)))[0]
    flow.store.connection.execute(sql.STAGE_ROW, (b"\x80", row_id))
    assert _of_a(flow).rows == {Reason.UNFINISHED: 1}


def test_an_update_that_is_asked_to_processes_all() -> None:
    _filled()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    assert _of_a(flow, process_all=True).rows == {Reason.ASKED: 4}


def test_rows_of_a_source_that_the_flow_no_longer_has_go() -> None:
    _filled()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    flow.close()
    smaller = words_flow("F", sources=("b",))
    found = {pending.source: pending.rows for pending in pending_rows(smaller, list_sources=True)}
    assert found["a"] == {Reason.GONE: 4}


def test_failures_of_rows_that_are_gone_are_forgotten() -> None:
    rows_of("a")["bad.txt"] = "BOOM"
    rows_of("b")["y.txt"] = "other"
    flow = words_flow("F")
    flow.setup()
    flow.update()
    flow_id = flow.store.flow_id("F")
    assert flow_id is not None
    assert flow.store.count_errors(flow_id) == 1
    del rows_of("a")["bad.txt"]
    rows_of("a")["good.txt"] = "fine"
    flow.update()
    assert flow.store.count_errors(flow_id) == 0


def test_a_retry_processes_failed_rows_alone() -> None:
    _filled(3)
    rows_of("a")["1.txt"] = "BOOM"
    rows_of("a")["gone.txt"] = "BOOM"
    flow = words_flow("F")
    flow.setup()
    flow.update()
    rows_of("a").texts["1.txt"] = "mended"
    del rows_of("a")["gone.txt"]
    rows_of("a")["0.txt"] = "edited, and not the business of a retry"
    rows_of("a").reads.clear()
    runner = flow.runner()
    try:
        info = runner.retry_failed()
    finally:
        runner.close()
    assert info.stats["a"] == {"num_insertions": 1, "num_no_change": 1}
    assert sorted(rows_of("a").reads) == ["1.txt", "gone.txt"]
    assert flow.store.count_errors(flow.store.flow_id("F") or 0) == 0
    assert flow.update().stats["a"] == {"num_updates": 1, "num_no_change": 2}
