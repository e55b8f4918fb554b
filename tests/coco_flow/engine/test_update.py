"""Incremental updates: what is done, and what is not done again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import coco_flow
from coco_flow.errors import FlowError, SetupNeeded
from tests.coco_flow.engine.words_flow import Calls, words_flow
from tests.flow_parts import flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _two_texts() -> None:
    rows_of("a")["x.txt"] = "one\ntwo"
    rows_of("b")["y.txt"] = "two\nthree"


def _fill() -> None:
    for source in ("a", "b"):
        rows_of(source)


@pytest.mark.row("LC-5 update stats")
def test_counts_tell_what_became_of_each_row() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    assert flow.update().stats == {"a": {"num_insertions": 1}, "b": {"num_insertions": 1}}
    rows_of("a")["x.txt"] = "one\nchanged"
    rows_of("a")["z.txt"] = "new"
    del rows_of("b")["y.txt"]
    rows_of("b")["q.txt"] = "q"
    assert flow.update().stats == {
        "a": {"num_updates": 1, "num_insertions": 1},
        "b": {"num_deletions": 1, "num_insertions": 1},
    }
    assert flow.update().stats == {"a": {"num_no_change": 2}, "b": {"num_no_change": 1}}


@pytest.mark.row("SR-2 cheap refresh")
def test_an_update_without_change_lists_and_reads_nothing() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    reads, lists = list(rows_of("a").reads), rows_of("a").lists
    flow.update()
    assert rows_of("a").reads == reads
    assert rows_of("a").lists == lists + 1


def test_a_touched_row_calls_no_function_and_writes_nothing() -> None:
    _two_texts()
    calls = Calls()
    flow = words_flow("F", calls)
    flow.setup()
    flow.update()
    before = (len(calls.lines), len(calls.upper), table_of("lines").upserts)
    rows_of("a").touch("x.txt")
    assert flow.update().stats["a"] == {"num_no_change": 1}
    assert (len(calls.lines), len(calls.upper), table_of("lines").upserts) == before
    reads = len(rows_of("a").reads)
    flow.update()
    assert len(rows_of("a").reads) == reads, "the new token is remembered"


def test_an_edited_line_writes_that_row_alone_and_leaves_no_orphan() -> None:
    rows_of("a")["x.txt"] = "one\ntwo\nthree"
    rows_of("b")["y.txt"] = "other"
    calls = Calls()
    flow = words_flow("F", calls)
    flow.setup()
    flow.update()
    table_of("lines").reset_counts()
    calls.upper.clear()
    rows_of("a")["x.txt"] = "one\nzwei"
    flow.update()
    assert calls.upper == ["zwei"]
    assert (table_of("lines").upserts, table_of("lines").deletes) == (1, 1)
    assert set(table_of("lines").rows) == {
        ("a", "x.txt", 0), ("a", "x.txt", 1), ("b", "y.txt", 0)
    }  # fmt: skip


@pytest.mark.row("OA-2 cache hit")
def test_equal_text_in_two_rows_is_computed_once() -> None:
    _two_texts()
    calls = Calls()
    flow = words_flow("F", calls)
    flow.setup()
    flow.update()
    assert sorted(calls.upper) == ["one", "three", "two"]
    rows_of("a")["again.txt"] = "three"
    flow.update()
    assert sorted(calls.upper) == ["one", "three", "two"], "another row, another update"


@pytest.mark.row("OP-3 cache + behavior_version")
def test_a_raised_version_computes_anew_and_reprocesses() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    flow.close()
    calls = Calls()
    changed = words_flow("F", calls, version=2)
    assert changed.update().stats == {"a": {"num_reprocesses": 1}, "b": {"num_reprocesses": 1}}
    assert sorted(calls.upper) == ["one", "three", "two"]
    assert table_of("lines").rows["a", "x.txt", 0] == ("ONE:2",)
    assert changed.update().stats == {"a": {"num_no_change": 1}, "b": {"num_no_change": 1}}


@pytest.mark.row("SET-8 setup guard")
@pytest.mark.row("AR-3 not set up")
def test_an_update_without_setup_says_what_to_run() -> None:
    _two_texts()
    flow = words_flow("F")
    with pytest.raises(SetupNeeded, match="coco-flow setup"):
        flow.update()
    flow.setup()
    flow.update()
    flow.close()
    with pytest.raises(RuntimeError, match="memory table lines"):
        words_flow("F", with_length=True).update()


@pytest.mark.row("LC-2 schema change")
def test_an_added_field_is_filled_for_all_rows() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    flow.close()
    wider = words_flow("F", with_length=True)
    wider.setup()
    assert wider.update().stats["a"] == {"num_reprocesses": 1}
    assert table_of("lines").rows["a", "x.txt", 1] == ("TWO:1", "two")


@pytest.mark.row("LC-2 removed export")
@pytest.mark.row("SET-9 orphan cleanup")
def test_a_removed_export_is_dropped_at_the_next_setup() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    assert table_of("words").rows
    flow.close()
    fewer = words_flow("F", with_words=False)
    fewer.setup()
    assert not table_of("words").rows
    assert table_of("words").setups[-1][1] is None


@pytest.mark.row("LC-5 reexport")
@pytest.mark.row("CLI-9c --reexport")
def test_reexport_restores_a_truncated_target_without_computing() -> None:
    _two_texts()
    calls = Calls()
    flow = words_flow("F", calls)
    flow.setup()
    flow.update()
    wanted = dict(table_of("lines").rows)
    calls.upper.clear()
    table_of("lines").rows.clear()
    flow.update(reexport_targets=True)
    assert table_of("lines").rows == wanted
    assert calls.upper == []


@pytest.mark.row("CLI-9d --full-reprocess")
def test_full_reprocess_calls_every_function_again() -> None:
    _two_texts()
    calls = Calls()
    flow = words_flow("F", calls)
    flow.setup()
    flow.update()
    calls.upper.clear()
    flow.update(full_reprocess=True)
    assert set(calls.upper) == {"one", "three", "two"}


@pytest.mark.row("LC-3 drop then setup")
def test_drop_leaves_nothing_and_the_object_can_be_set_up_again() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    rows = dict(table_of("lines").rows)
    flow.drop()
    assert not table_of("lines").rows
    assert coco_flow.flow_names_with_setup() == []
    flow.setup()
    flow.update()
    assert table_of("lines").rows == rows


@pytest.mark.row("INC-14b automatic retry")
def test_a_failing_row_fails_alone_and_is_tried_again() -> None:
    rows_of("a")["good.txt"] = "fine"
    rows_of("a")["bad.txt"] = "ok\nBOOM"
    _fill()
    calls = Calls()
    flow = words_flow("F", calls, sources=("a",))
    flow.setup()
    info = flow.update()
    assert info.stats["a"] == {"num_insertions": 1, "num_errors": 1}
    assert set(table_of("lines").rows) == {("a", "good.txt", 0)}
    errors = flow.store.errors(flow.store.flow_id("F") or 0)
    assert [error.message for error in errors] == ["ValueError: boom!"]
    assert "in upper" in errors[0].traceback
    calls.upper.clear()
    assert flow.update().stats["a"] == {"num_no_change": 1, "num_errors": 1}
    assert calls.upper == ["BOOM"], "what succeeded in the failed row is remembered"
    rows_of("a")["bad.txt"] = "ok"
    assert flow.update().stats["a"] == {"num_no_change": 1, "num_insertions": 1}
    assert flow.store.errors(flow.store.flow_id("F") or 0) == []


def test_a_row_that_fails_later_keeps_what_it_wrote() -> None:
    rows_of("a")["x.txt"] = "good"
    flow = words_flow("F", sources=("a",))
    flow.setup()
    flow.update()
    rows_of("a")["x.txt"] = "BOOM"
    assert flow.update().stats["a"] == {"num_errors": 1}
    assert table_of("lines").rows == {("a", "x.txt", 0): ("GOOD:1",)}


@pytest.mark.row("CT-8 failure")
def test_healthy_targets_go_on_and_the_failed_one_is_mended() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    table_of("lines").fails = OSError("target down")
    info = flow.update()
    assert info.stats == {"a": {"num_errors": 1}, "b": {"num_errors": 1}}
    assert len(table_of("words").rows) == 3
    assert not table_of("lines").rows
    table_of("lines").fails = None
    table_of("words").reset_counts()
    assert not flow.update().has_errors
    assert len(table_of("lines").rows) == 4
    assert table_of("words").upserts == 0, "what the healthy target took is not written again"


def test_a_write_whose_answer_was_lost_is_made_again() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    table_of("lines").fails_after = OSError("connection lost")
    rows_of("a")["x.txt"] = "one"
    flow.update()
    table_of("lines").fails_after = None
    # Back to what the state last saw as written: the lost delete must be undone.
    rows_of("a")["x.txt"] = "one\ntwo"
    flow.update()
    assert table_of("lines").rows["a", "x.txt", 1] == ("TWO:1",)


def test_an_empty_listing_deletes_nothing_unless_allowed() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    del rows_of("a")["x.txt"]
    with pytest.raises(FlowError, match="lists nothing, but 1 rows"):
        flow.update()
    assert ("a", "x.txt", 0) in table_of("lines").rows
    assert flow.update(allow_empty=True).stats["a"] == {"num_deletions": 1}
    assert ("a", "x.txt", 0) not in table_of("lines").rows


def test_an_incomplete_listing_deletes_nothing() -> None:
    rows_of("a")["x.txt"] = "one"
    rows_of("a")["y.txt"] = "two"
    _fill()
    flow = words_flow("F")
    flow.setup()
    rows_of("b")["k.txt"] = "k"
    flow.update()
    del rows_of("a")["y.txt"]
    rows_of("a").listing_fails = OSError("page 2 is not to be had")
    rows_of("b")["k.txt"] = "changed"
    with pytest.raises(OSError, match="page 2"):
        flow.update()
    assert ("a", "y.txt", 0) in table_of("lines").rows
    assert table_of("lines").rows["b", "k.txt", 0] == ("CHANGED:1",), "the other source goes on"


def test_a_removed_source_takes_its_rows_along() -> None:
    _two_texts()
    flow = words_flow("F")
    flow.setup()
    flow.update()
    flow.close()
    one = words_flow("F", sources=("a",))
    one.setup()
    one.update()
    assert {key[0] for key in table_of("lines").rows} == {"a"}
    assert set(table_of("words").rows) == {("one",), ("two",)}


def test_a_source_without_tokens_is_compared_by_content() -> None:
    from tests.flow_parts import MemorySource, MemoryTarget

    rows_of("a")["x.txt"] = "one"

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["a"] = builder.add_source(MemorySource(name="a", with_token=False))
        out = scope.add_collector()
        with scope["a"].row() as doc:
            out.collect(filename=doc["filename"], content=doc["content"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    flow = coco_flow.open_flow("NoToken", define)
    flow.setup()
    flow.update()
    table_of("t").reset_counts()
    assert flow.update().stats["a"] == {"num_no_change": 1}
    rows_of("a")["x.txt"] = "two"
    assert flow.update().stats["a"] == {"num_updates": 1}
    assert table_of("t").rows == {("x.txt",): ("two",)}
