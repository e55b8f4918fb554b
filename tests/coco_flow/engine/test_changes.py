"""What is done after a change in a folder, and what is not: reads, calls, writes, counts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import coco_flow
from coco_flow import functions
from coco_flow.flow.inspection import row_state
from coco_flow.sources import local_file
from tests.coco_flow.engine.folder_flow import FolderCalls, folder_flow, write
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    made.mkdir()
    return made


@pytest.fixture
def opened(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the folder's files that are opened from now on."""
    names: list[str] = []
    real: Callable[..., int] = os.open

    def spy(path: str, *args: int) -> int:
        if Path(path).parent == folder:
            names.append(Path(path).name)
        return real(path, *args)

    monkeypatch.setattr(local_file.os, "open", spy)
    return names


def _built(folder: Path, calls: FolderCalls | None = None) -> coco_flow.Flow:
    flow = folder_flow(folder, calls)
    flow.setup()
    flow.update()
    table_of("paragraphs").reset_counts()
    if calls is not None:
        calls.clear()
    return flow


def _writes() -> tuple[int, int]:
    return table_of("paragraphs").upserts, table_of("paragraphs").deletes


@pytest.mark.row("OV-2 no-op second update")
@pytest.mark.row("INC-1 incremental by default")
@pytest.mark.row("INC-3 ordinal check")
def test_an_update_without_a_change_opens_calls_and_writes_nothing(
    folder: Path, opened: list[str]
) -> None:
    for number in range(20):
        write(folder / f"{number}.md", f"a {number}\n\nb")
    calls = FolderCalls()
    flow = _built(folder, calls)
    assert len(opened) == 20
    opened.clear()
    assert flow.update().stats == {"docs": {"num_no_change": 20}}
    assert opened == []
    assert (calls.split, calls.upper, _writes()) == ([], [], (0, 0))


@pytest.mark.row("OV-2 changed row only")
def test_one_edited_file_of_a_hundred_is_read_and_written_alone(
    folder: Path, opened: list[str]
) -> None:
    for number in range(100):
        write(folder / f"{number}.md", f"a {number}\n\nb {number}")
    calls = FolderCalls()
    flow = _built(folder, calls)
    opened.clear()
    write(folder / "42.md", "x\n\nb 42")
    assert flow.update().stats == {"docs": {"num_updates": 1, "num_no_change": 99}}
    assert opened == ["42.md"]
    assert calls.split == ["x\n\nb 42"]
    assert calls.upper == ["x"]
    assert _writes() == (1, 0)
    assert table_of("paragraphs").rows["42.md", 0] == ("X",)


@pytest.mark.row("OV-2 shrinking row")
@pytest.mark.row("INC-7 stale chunks removed")
@pytest.mark.parametrize("left", [5, 3, 1])
def test_a_file_that_shrinks_leaves_no_row_too_many(folder: Path, left: int) -> None:
    parts = [f"part {number}" for number in range(8)]
    write(folder / "a.md", "\n\n".join(parts))
    write(folder / "b.md", "other")
    flow = _built(folder)
    write(folder / "a.md", "\n\n".join(parts[:left]))
    flow.update()
    assert set(table_of("paragraphs").rows) == {
        *(("a.md", number) for number in range(left)),
        ("b.md", 0),
    }
    assert _writes() == (0, 8 - left), "what stays is not written again"


@pytest.mark.row("OV-2 deleted row")
@pytest.mark.row("INC-8 deleted source rows")
def test_a_removed_file_takes_its_rows_and_its_record_along(folder: Path) -> None:
    write(folder / "a.md", "one\n\ntwo")
    write(folder / "b.md", "three")
    flow = _built(folder)
    (folder / "a.md").unlink()
    assert flow.update().stats == {"docs": {"num_deletions": 1, "num_no_change": 1}}
    assert table_of("paragraphs").rows == {("b.md", 0): ("THREE",)}
    assert row_state(flow, "docs", ("a.md",)) is None
    assert row_state(flow, "docs", ("b.md",)) is not None


@pytest.mark.row("INC-8b rename")
def test_a_renamed_file_moves_its_rows_and_computes_nothing(folder: Path) -> None:
    write(folder / "old.md", "one\n\ntwo")
    calls = FolderCalls()
    flow = _built(folder, calls)
    (folder / "old.md").rename(folder / "new.md")
    assert flow.update().stats == {"docs": {"num_insertions": 1, "num_deletions": 1}}
    assert set(table_of("paragraphs").rows) == {("new.md", 0), ("new.md", 1)}
    assert (calls.split, calls.upper) == ([], [])


@pytest.mark.row("INC-4 content digest / collapse")
def test_a_touched_file_is_read_once_and_leads_to_nothing(folder: Path, opened: list[str]) -> None:
    write(folder / "a.md", "one")
    calls = FolderCalls()
    flow = _built(folder, calls)
    opened.clear()
    write(folder / "a.md", "one")
    assert flow.update().stats == {"docs": {"num_no_change": 1}}
    assert opened == ["a.md"]
    assert (calls.split, calls.upper, _writes()) == ([], [], (0, 0))
    flow.update()
    assert opened == ["a.md"], "the new token is recorded"


@pytest.mark.row("OV-2 logic change")
@pytest.mark.row("OA-2 cache key")
@pytest.mark.row("OP-6 cache identity")
def test_a_raised_version_runs_that_function_alone(folder: Path) -> None:
    write(folder / "a.md", "one\n\ntwo")
    write(folder / "b.md", "three")
    _built(folder).close()
    calls = FolderCalls()
    flow = folder_flow(folder, calls, upper_version=2)
    assert flow.update().stats == {"docs": {"num_reprocesses": 2}}
    assert (calls.split, sorted(calls.upper)) == ([], ["one", "three", "two"])
    flow.close()
    calls.clear()
    flow = folder_flow(folder, calls, upper_version=2, prefix="> ")
    flow.update()
    assert (calls.split, sorted(calls.upper)) == ([], ["one", "three", "two"]), "another argument"
    assert table_of("paragraphs").rows["b.md", 0] == ("> THREE",)
    flow.close()
    calls.clear()
    folder_flow(folder, calls, upper_version=1).update()
    assert (calls.split, calls.upper) == ([], []), "the results of the first version are kept"
    assert table_of("paragraphs").rows["b.md", 0] == ("THREE",)


@pytest.mark.row("INC-5 logic digest")
@pytest.mark.row("INC-3b ordinal same, logic changed")
def test_another_chunk_size_processes_every_row_again(folder: Path) -> None:
    def open_flow(size: int) -> coco_flow.Flow:
        def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
            scope["docs"] = builder.add_source(coco_flow.sources.LocalFile(path=str(folder)))
            out = scope.add_collector()
            with scope["docs"].row() as doc:
                doc["chunks"] = doc["content"].transform(
                    functions.SplitRecursively(), chunk_size=size
                )
                with doc["chunks"].row() as chunk:
                    out.collect(
                        filename=doc["filename"], location=chunk["location"], text=chunk["text"]
                    )
            out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename", "location"])

        return coco_flow.open_flow("Chunks", define)

    for name in ("a.md", "b.md"):
        write(folder / name, "some words that make a sentence. " * 20)
    flow = open_flow(400)
    flow.setup()
    assert flow.update().stats == {"docs": {"num_insertions": 2}}
    few = len(table_of("t").rows)
    assert flow.update().stats == {"docs": {"num_no_change": 2}}
    flow.close()
    flow = open_flow(100)
    assert flow.update().stats == {"docs": {"num_reprocesses": 2}}
    assert len(table_of("t").rows) > 2 * few
    assert flow.update().stats == {"docs": {"num_no_change": 2}}


@pytest.mark.row("INC-16 memoised results")
def test_one_edited_paragraph_of_ten_is_computed_alone(folder: Path) -> None:
    parts = [f"paragraph {number}" for number in range(10)]
    write(folder / "a.md", "\n\n".join(parts))
    calls = FolderCalls()
    flow = _built(folder, calls)
    parts[4] = "another"
    write(folder / "a.md", "\n\n".join(parts))
    flow.update()
    assert calls.upper == ["another"]
    assert _writes() == (1, 0)


@pytest.mark.row("INC-6 tracking record")
@pytest.mark.row("INC-2 private state store, auto-created")
def test_each_row_has_a_record_in_a_store_that_made_itself(folder: Path, tmp_path: Path) -> None:
    assert not (tmp_path / "state.db").exists()
    write(folder / "a.md", "one\n\ntwo")
    flow = _built(folder)
    record = row_state(flow, "docs", ("a.md",))
    assert record is not None
    assert len(record["content_digest"]) == 32
    assert record["logic_is_current"]
    assert record["targets"] == {"paragraphs": [["a.md", "0"], ["a.md", "1"]]}
    with sqlite3.connect(tmp_path / "state.db") as connection:
        (token,) = connection.execute("SELECT token FROM source_row").fetchone()
        (status, started, ended) = connection.execute(
            "SELECT status, started_at, ended_at FROM run"
        ).fetchone()
    connection.close()
    assert token == local_file.change_token((folder / "a.md").stat())
    assert status == "done"
    assert started <= ended


@pytest.mark.row("INC-11 statistics")
def test_three_adds_two_edits_and_one_delete_are_counted_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("edit1", "edit2", "gone", "same"):
        write(folder / name, name)
    flow = _built(folder)
    for name in ("new1", "new2", "new3"):
        write(folder / name, name)
    for name in ("edit1", "edit2"):
        write(folder / name, "edited")
    (folder / "gone").unlink()
    info = flow.update(print_stats=True)
    assert info.stats == {
        "docs": {"num_insertions": 3, "num_updates": 2, "num_deletions": 1, "num_no_change": 1}
    }
    printed = capsys.readouterr().out
    assert printed == "docs: 7 source rows: 3 added, 2 updated, 1 deleted, 1 no change\n"


@pytest.mark.slow
@pytest.mark.row("INC-9 cheap listing")
def test_ten_thousand_unchanged_rows_are_listed_and_not_read() -> None:
    rows = rows_of("many")
    for number in range(10_000):
        rows[str(number)] = "text"

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["many"] = builder.add_source(MemorySource(name="many"))
        out = scope.add_collector()
        with scope["many"].row() as doc:
            out.collect(filename=doc["filename"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    flow = coco_flow.open_flow("Many", define)
    flow.setup()
    flow.update()
    assert len(rows.reads) == 10_000
    rows.reads.clear()
    table_of("t").reset_counts()
    assert flow.update().stats == {"many": {"num_no_change": 10_000}}
    assert rows.reads == []
    assert (table_of("t").upserts, table_of("t").deletes) == (0, 0)
