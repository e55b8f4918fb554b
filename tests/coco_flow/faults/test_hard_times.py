"""Full disks, clocks and times that go back, targets that fail half way, concurrent updates."""

from __future__ import annotations

import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import coco_flow
from coco_flow.errors import StateBroken, UpdateAborted
from coco_flow.state.store import open_store
from tests.coco_flow.engine.words_flow import Calls, words_flow
from tests.flow_kills import contents, start_update
from tests.flow_parts import MemoryTarget, flow_state, rows_of, table_of
from tests.small_disk import fill, small_disk
from tests.waiting import until


def test_a_full_disk_under_the_state_is_named_and_the_next_update_goes_on(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk, flow_state(disk):
        for number in range(400):
            rows_of("a")[str(number)] = f"text number {number} " * 20
        rows_of("b")["x"] = "x"
        flow = words_flow("F", with_words=False)
        flow.setup()
        ballast = fill(disk)
        with pytest.raises(StateBroken, match="disk space"):
            flow.update()
        ballast.unlink()
        assert not flow.update().has_errors
        assert len(table_of("lines").rows) == 401
        assert flow.update().stats == {"a": {"num_no_change": 400}, "b": {"num_no_change": 1}}


def test_a_full_disk_under_the_target_fails_rows_and_the_next_update_writes_them(
    tmp_path: Path,
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(300):
        (source / f"{number}.md").write_text(f"words of {number} " * 700, encoding="utf-8")
    state = str(tmp_path / "state.db")
    with small_disk(tmp_path / "disk", "16m") as disk:
        target = str(disk / "rows.db")
        ballast = fill(disk)
        # A megabyte is left: it holds the set-up and some of the rows.
        os.truncate(ballast, ballast.stat().st_size - (1 << 20))
        output = start_update(source, state, target, "sqlite").communicate(timeout=60)[0]
        assert '"num_errors": 0' not in output.replace("'", '"'), output
        ballast.unlink()
        output = start_update(source, state, target, "sqlite").communicate(timeout=60)[0]
        assert '"num_errors": 0' in output.replace("'", '"'), output
        assert len(contents("sqlite", target)) == 300


def _folder_flow(folder: Path) -> coco_flow.Flow:
    from coco_flow.sources import LocalFile

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(LocalFile(path=str(folder)))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            out.collect(filename=doc["filename"], content=doc["content"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])

    return coco_flow.open_flow("Folder", define)


def test_a_file_restored_with_an_older_time_is_seen(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    path = folder / "a.md"
    path.write_text("new version", encoding="utf-8")
    with flow_state(tmp_path):
        flow = _folder_flow(folder)
        flow.setup()
        flow.update()
        path.write_text("old version", encoding="utf-8")
        os.utime(path, (1_000_000_000, 1_000_000_000))
        assert flow.update().stats["docs"] == {"num_updates": 1}
        assert table_of("t").rows["a.md",] == ("old version",)


def test_a_clock_set_back_loses_no_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    path = folder / "a.md"
    path.write_text("1", encoding="utf-8")
    with flow_state(tmp_path):
        flow = _folder_flow(folder)
        flow.setup()
        flow.update()
        # All clocks an hour back: the next file times lie before the recorded ones.
        import time

        now = time.time
        monkeypatch.setattr(time, "time", lambda: now() - 3600)
        for text in ("2", "3", "4"):
            path.write_text(text, encoding="utf-8")
            os.utime(path, (now() - 3600, now() - 3600))
            flow.update()
            assert table_of("t").rows["a.md",] == (text,)


def test_same_size_and_time_within_the_clocks_grain_is_seen_at_the_next_update(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    path = folder / "a.md"
    with flow_state(tmp_path):
        flow = _folder_flow(folder)
        flow.setup()
        path.write_text("aaaa", encoding="utf-8")
        times = path.stat()
        flow.update()
        path.write_text("bbbb", encoding="utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        flow.update()
        assert table_of("t").rows["a.md",] == ("bbbb",), "a token that young is not trusted"


def test_two_updates_of_one_flow_at_once_do_the_work_once(tmp_path: Path) -> None:
    with flow_state(tmp_path):
        for number in range(200):
            rows_of("a")[str(number)] = f"line {number}"
        rows_of("b")["x"] = "x"
        calls = Calls()
        flow = words_flow("F", calls)
        flow.setup()
        with ThreadPoolExecutor(8) as pool:
            infos = [future.result() for future in [pool.submit(flow.update) for _ in range(8)]]
        assert len(calls.upper) == 201
        assert len(calls.lines) == 201
        assert len(table_of("lines").rows) == 201
        passes = len({id(info) for info in infos})
        assert passes < 8, "calls that waited shared a pass"


def test_two_processes_update_one_flow_at_once(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(300):
        (source / f"{number}.md").write_text(f"a\n\nb {number}", encoding="utf-8")
    state, target = str(tmp_path / "state.db"), str(tmp_path / "rows.db")
    both = [start_update(source, state, target, "sqlite") for _ in range(2)]
    outputs = [process.communicate(timeout=100)[0] for process in both]
    assert all(process.returncode == 0 for process in both), outputs
    counts = [output.replace("'", '"') for output in outputs]
    assert sum('"num_insertions": 300' in count for count in counts) == 1, counts
    assert sum('"num_no_change": 300' in count for count in counts) == 1, counts
    assert len(contents("sqlite", target)) == 600


@pytest.mark.slow
def test_a_target_that_fails_half_way_is_completed(tmp_path: Path) -> None:
    with flow_state(tmp_path):
        for number in range(600):
            rows_of("a")[str(number)] = f"line {number}"
        rows_of("b")["x"] = "x"
        flow = words_flow("F", with_words=False)
        flow.setup()
        table = table_of("lines")
        enough = threading.Event()

        class FailsHalfWay(dict[object, tuple[object, ...]]):
            def __setitem__(self, key: object, row: tuple[object, ...]) -> None:
                if len(self) >= 200 and not enough.is_set():
                    raise OSError("connection lost")
                super().__setitem__(key, row)

        table.rows = FailsHalfWay()  # type: ignore[assignment]
        info = flow.update()
        assert info.has_errors
        enough.set()
        assert not flow.update().has_errors
        assert len(table.rows) == 601


def test_an_update_that_waits_for_another_process_says_so_and_can_be_aborted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with flow_state(tmp_path):
        rows_of("a")["x"] = rows_of("b")["y"] = "text"
        flow = words_flow("F")
        flow.setup()
        runner = flow.runner()
        # Another connection is what another process would have.
        other = open_store(str(tmp_path / "state.db"))
        with other.connection.flow_lock("F", wait=True), ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(runner.update_all)
            until(lambda: "being updated elsewhere" in caplog.text)
            runner.abort()
            with pytest.raises(UpdateAborted):
                waiting.result(timeout=30)
        other.close()
        runner.close()
        assert flow.update().total("num_insertions") == 2
