"""Runs that are killed, cancelled, resumed and forked by the commands."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path

import pytest

from tests.coco_flow.cli.program import Background, coco_flow, document
from tests.coco_flow.models.cli.program import calls, table_rows
from tests.waiting import until


def _status(folder: Path, run: str) -> str:
    return str(document(coco_flow(folder, "models", "status", run, "--json"))["status"])


def _held_run(folder: Path, name: str, run: str, *options: str) -> Background:
    """Start a run of which a model waits; return once it does."""
    (folder / f"hold-{name}").touch()
    running = Background(folder, "models", "run", "app.py", "--id", run, *options)
    until((folder / f"holds-{name}").exists)
    return running


def test_a_killed_run_is_interrupted_and_resumes_at_the_first_unfinished_model(
    folder: Path,
) -> None:
    with _held_run(folder, "totals", "k") as running:
        shown = coco_flow(folder, "models", "status").stdout
        assert "Run k of pipeline demo: running" in shown
        assert re.search(r"demo\.words +done +3", shown)
        assert re.search(r"demo\.totals +running", shown)
        conflict = coco_flow(folder, "models", "resume", "k", "--app", "app.py")
        assert conflict.returncode == 1
        assert "The run k is being worked on." in conflict.stderr
        running.stop(signal.SIGKILL)
    (folder / "hold-totals").unlink()
    status = coco_flow(folder, "models", "status", "k")
    assert "Run k of pipeline demo: interrupted" in status.stdout
    assert re.search(r"demo\.totals +interrupted", status.stdout)
    assert "Continue it: coco-flow models resume k --app APP" in status.stderr
    assert re.search(r"k +demo .* interrupted +full +all", _history(folder))
    done = coco_flow(folder, "models", "resume", "k", "--app", "app.py")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()[1:]] == [
        ["demo.words", "done"],
        ["demo.totals", "done"],
    ]
    assert calls(folder) == ["words", "totals", "totals"], "what was recorded is not done again"
    assert table_rows(folder, "SELECT words FROM totals") == [(9,)]
    assert _status(folder, "k") == "success"


def _history(folder: Path) -> str:
    return coco_flow(folder, "models", "history").stdout


def test_run_with_the_id_of_an_interrupted_run_continues_it(folder: Path) -> None:
    with _held_run(folder, "totals", "again") as running:
        running.stop(signal.SIGKILL)
    (folder / "hold-totals").unlink()
    done = coco_flow(folder, "models", "run", "app.py", "--id", "again")
    assert done.returncode == 0, done.stderr
    assert "The run again was interrupted; it goes on." in done.stderr
    assert calls(folder) == ["words", "totals", "totals"]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_the_run_in_order(folder: Path, number: int, code: int) -> None:
    with _held_run(folder, "totals", "c") as running:
        assert running.stop(number) == code
    assert "Cancelling: models at work end at their next report" in running.output
    assert "coco-flow models resume c --app app.py" in running.output
    assert "Traceback" not in running.output
    assert _status(folder, "c") == "cancelled"
    assert table_rows(folder, "SELECT name FROM sqlite_master WHERE name = 'totals'") == [] or (
        table_rows(folder, "SELECT * FROM totals") == []
    )
    (folder / "hold-totals").unlink()
    done = coco_flow(folder, "models", "resume", "c", "--app", "app.py")
    assert done.returncode == 0, done.stderr
    assert table_rows(folder, "SELECT words FROM totals") == [(9,)]


def test_a_cancelled_run_as_json(folder: Path) -> None:
    with _held_run(folder, "words", "j", "--json") as running:
        assert running.stop() == 130
    shown = running.output[running.output.index("{") : running.output.rindex("}") + 1]
    assert json.loads(shown) == {"workflow_id": "j", "status": "cancelled"}


def test_a_second_ctrl_c_ends_the_process_at_once(folder: Path) -> None:
    app = folder / "app.py"
    app.write_text(app.read_text().replace('ctx.progress(1, 4, "holding on")', "pass"))
    with _held_run(folder, "words", "deaf") as running:
        running.process.send_signal(signal.SIGINT)
        running.wait_for("again to stop immediately")
        assert running.stop() == 130


def test_a_run_is_cancelled_from_another_process(folder: Path) -> None:
    with _held_run(folder, "words", "far") as running:
        done = coco_flow(folder, "models", "cancel", "far")
        assert (done.returncode, done.stdout) == (0, "Cancelled the run far of pipeline demo.\n")
        assert "Continue it: coco-flow models resume far --app APP" in done.stderr
        assert running.process.wait(60) == 1
        running.wait_for("The run far was cancelled.")
    assert "coco-flow models resume far --app app.py" in running.output
    again = coco_flow(folder, "models", "cancel", "far", "--json")
    assert again.returncode == 1
    assert document(again)["error"]["message"] == "The run far has ended: cancelled."


def test_another_process_follows_a_run_to_its_end(folder: Path) -> None:
    with (
        _held_run(folder, "totals", "seen") as running,
        Background(folder, "models", "status", "--follow") as following,
        Background(folder, "models", "status", "seen", "-f", "--json") as lines,
    ):
        following.wait_for("demo.totals: started")
        lines.wait_for('"holding on"')
        (folder / "hold-totals").unlink()
        for process in (running, following, lines):
            assert process.process.wait(60) == 0
        following.wait_for(r"Run seen of pipeline demo: success")
    events = [json.loads(line) for line in lines.output.splitlines()]
    assert [one["kind"] for one in events if one.get("model") == "demo.words"][-1] == "ended"
    assert (events[-1].get("model"), events[-1]["kind"]) == (None, "ended")


def test_following_ends_when_the_process_is_killed_or_the_watcher_stopped(folder: Path) -> None:
    with _held_run(folder, "totals", "gone") as running:
        with Background(folder, "models", "status", "gone", "--follow") as stopped:
            stopped.wait_for("demo.totals: started")
            assert stopped.stop() == 0
        assert "The run gone goes on." in stopped.output
        with Background(folder, "models", "status", "gone", "--follow") as following:
            following.wait_for("demo.totals: started")
            running.stop(signal.SIGKILL)
            assert following.process.wait(60) == 1
            following.wait_for("Run gone of pipeline demo: interrupted")


def test_a_failed_run_resumes_under_a_new_id(folder: Path) -> None:
    app = folder / "app.py"
    text = app.read_text()
    app.write_text(text.replace('begin("totals", ctx)', "1 / 0"))
    failed = coco_flow(folder, "models", "run", "app.py", "--id", "f")
    assert failed.returncode == 1
    assert "demo.totals: ZeroDivisionError: division by zero" in failed.stderr
    assert "coco-flow models resume f --app app.py" in failed.stderr
    status = coco_flow(folder, "models", "status", "f").stdout
    assert re.search(r"demo\.totals +failed", status)
    assert "demo.totals: failed: ZeroDivisionError: division by zero" in status
    app.write_text(text)
    done = coco_flow(folder, "models", "resume", "f", "--app", "app.py", "--json")
    assert document(done)["workflow_id"].startswith("f-")
    assert calls(folder) == ["words", "totals"]


def test_a_run_is_forked_from_a_model_on(folder: Path) -> None:
    coco_flow(folder, "models", "run", "app.py", "--id", "r")
    done = coco_flow(folder, "models", "fork", "r", "demo.totals", "--app", "app.py", "--json")
    assert done.returncode == 0, done.stderr
    new = document(done)["workflow_id"]
    assert new != "r"
    assert calls(folder) == ["words", "totals", "totals"]
    assert _status(folder, new) == "success"
    wrong = coco_flow(folder, "models", "fork", "r", "demo.total", "--app", "app.py")
    assert wrong.returncode == 1
    assert "The run r has no step 'demo.total'." in wrong.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["status", "no"],
        ["status", "no", "--follow"],
        ["cancel", "no"],
        ["resume", "no", "--app", "app.py"],
        ["fork", "no", "demo.words", "--app", "app.py"],
    ],
)
def test_a_run_that_is_not_there_is_named(folder: Path, arguments: list[str]) -> None:
    before = coco_flow(folder, "models", *arguments)
    assert before.returncode == 1
    assert "There is no run 'no': nothing was run on this database yet." in before.stderr
    coco_flow(folder, "models", "run", "app.py")
    after = coco_flow(folder, "models", *arguments)
    assert after.returncode == 1
    assert "There is no run 'no'." in after.stderr
    assert "coco-flow models history lists them." in after.stderr


def test_status_and_history_before_any_run(tmp_path: Path) -> None:
    status = coco_flow(tmp_path, "models", "status")
    assert (status.returncode, status.stdout) == (1, "")
    assert "Nothing has been run on sqlite:///coco_models.db." in status.stderr
    assert "Start a run: coco-flow models run APP" in status.stderr
    assert coco_flow(tmp_path, "models", "history").stdout.startswith("Nothing has been run")
    assert list(tmp_path.iterdir()) == [], "looking creates nothing"
