"""Functions with gpu=True: one process for all of them, replaced when it dies."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import DataSlice
from coco_flow.engine import worker_process
from coco_flow.engine.worker_process import stop_worker_process
from coco_flow.errors import FlowError
from coco_flow.user_app_loader import load_user_app
from tests.coco_flow.flow import gpu_functions
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import flow_state, rows_of, table_of
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


@pytest.fixture(scope="module", autouse=True)
def ended() -> Iterator[None]:
    yield
    stop_worker_process()


def _flow_of(function: Any) -> coco_flow.TransformFlow[Any]:
    @coco_flow.transform_flow()
    def flow(text: DataSlice[str]) -> DataSlice[Any]:
        return text.transform(function)

    return flow


def _evaluate(function: Any, text: str) -> Any:
    return _flow_of(function).eval(text)


def _alive(pid: int) -> bool:
    try:
        # A process that has ended and was not waited for is still there, as a zombie.
        return "Z" not in Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2]
    except OSError:
        return False


@pytest.mark.row("SUB-1 worker process")
@pytest.mark.row("OA-4 gpu process")
def test_all_such_functions_share_one_process_that_is_not_this_one() -> None:
    pid = _evaluate(gpu_functions.worker_pid, "x")
    assert pid != os.getpid()
    assert _evaluate(gpu_functions.other_pid, "x") == pid
    assert _evaluate(gpu_functions.Worker(name="w"), "x").endswith(f" {pid}")
    assert gpu_functions.worker_pid("direct call") == os.getpid()


@pytest.mark.row("OA-4 gpu process")
def test_calls_of_a_device_never_overlap() -> None:
    for number in range(12):
        rows_of("docs")[str(number)] = f"text {number}"
    flow = doc_flow(gpu_functions.span)
    flow.setup()
    flow.update()
    spans = sorted(tuple(map(float, row[0].split())) for row in table_of("t").rows.values())
    assert len(spans) == 12
    assert all(first[1] <= second[0] for first, second in itertools.pairwise(spans))


@pytest.mark.row("SUB-2 executor reuse")
def test_one_spec_has_one_executor_that_is_prepared_once() -> None:
    for number in range(100):
        rows_of("docs")[str(number)] = "x"
    flow = doc_flow(gpu_functions.Worker(name="first"))
    flow.setup()
    flow.update()
    answers = [row[0].split() for row in table_of("t").rows.values()]
    assert {name for name, *_ in answers} == {"first"}
    assert len({identity for _, identity, *_ in answers}) == 1
    assert {prepared for _, _, prepared, *_ in answers} == {"1"}
    assert sorted(int(calls) for _, _, _, calls, _ in answers) == list(range(1, 101))
    _, identity, _, calls, _ = _evaluate(gpu_functions.Worker(name="second"), "x").split()
    assert identity != answers[0][1]
    assert calls == "1"


@pytest.mark.row("SUB-3 restart")
@pytest.mark.row("IN-4 worker crash")
def test_a_call_survives_the_death_of_its_worker(tmp_path: Path) -> None:
    prepared = _flow_of(gpu_functions.Worker(name="kept"))
    first = prepared.eval("x").split()
    rows_of("docs")["a"] = str(tmp_path)
    flow = doc_flow(gpu_functions.wait_in)
    flow.setup()
    updater = coco_flow.FlowLiveUpdater(flow, coco_flow.FlowLiveUpdaterOptions(live_mode=False))
    updater.start()
    until(lambda: (tmp_path / "first").exists())
    pid = int((tmp_path / "first").read_text("utf-8"))
    assert pid == int(first[-1])
    os.kill(pid, signal.SIGKILL)
    updater.wait()
    (answer,) = table_of("t").rows["a",]
    new_pid = int(answer.removeprefix("answered by "))
    assert new_pid not in (pid, os.getpid())
    again = prepared.eval("x").split()
    assert (again[2], again[3], int(again[4])) == ("1", "1", new_pid), "prepared anew, and once"
    assert prepared.eval("x").split()[2:4] == ["1", "2"]


@pytest.mark.row("SUB-3 restart")
@pytest.mark.row("IN-4 worker crash")
def test_what_always_ends_the_worker_fails_at_last(monkeypatch: pytest.MonkeyPatch) -> None:
    assert worker_process._MAX_RESTARTS == 3
    monkeypatch.setattr(worker_process, "_MAX_RESTARTS", 1)
    rows_of("docs")["a"] = "fine"
    rows_of("docs")["b"] = "poison"
    rows_of("docs")["c"] = "fine"
    flow = doc_flow(gpu_functions.end_worker)
    flow.setup()
    assert flow.update().stats == {"docs": {"num_insertions": 2, "num_errors": 1}}
    (error,) = flow.store.errors(flow.store.flow_id("F") or 0)
    assert "The worker process ended 2 times during the same call" in error.message


def test_an_exception_comes_back_with_its_type() -> None:
    with pytest.raises(LookupError, match="no entry for x"):
        _evaluate(gpu_functions.fail, "x")


def test_what_cannot_be_sent_is_refused_when_the_flow_is_defined() -> None:
    @coco_flow.op.function(gpu=True)
    def inner(text: str) -> str:
        return text

    with pytest.raises(FlowError, match="cannot run in the worker process"):
        _evaluate(inner, "x")


@pytest.mark.row("SUB-4 user apps in worker")
def test_functions_of_an_application_file_run_in_the_worker(tmp_path: Path) -> None:
    (tmp_path / "house_app.py").write_text(
        "import os\nfrom coco_flow import op\n\n\n"
        "@op.function(gpu=True)\ndef shout(text: str) -> str:\n"
        "    return f'{text.upper()} {os.getpid()}'\n",
        encoding="utf-8",
    )
    stop_worker_process()
    app = load_user_app(str(tmp_path / "house_app.py"))
    text, pid = _evaluate(app.shout, "hey").split()
    assert text == "HEY"
    assert int(pid) != os.getpid()
    sys.modules.pop("house_app", None)


@pytest.mark.row("SUB-5 watchdog")
@pytest.mark.row("IN-4 parent death")
def test_the_worker_ends_with_a_parent_that_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-m", "tests.coco_flow.flow.gpu_functions"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        cwd=ROOT,
    )
    with parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _alive(pid)
        parent.kill()
        until(lambda: not _alive(pid), 10)
