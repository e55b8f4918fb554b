"""Progress of runs: on a terminal, as lines elsewhere, and as a part of programs."""

from __future__ import annotations

import io
import re
import signal
from pathlib import Path

import pytest

from coco_flow.models import Event, display
from coco_flow.models.events import ModelEvents
from coco_flow.models.run_progress import RunProgress
from tests.coco_flow.cli.program import Screen
from tests.coco_flow.models.cli.program import fill_documents
from tests.waiting import until

_SEQUENCE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def _plain(text: str) -> str:
    return _SEQUENCE.sub("", text)


def test_a_terminal_shows_a_line_for_each_model_with_a_bar(folder: Path) -> None:
    (folder / "hold-totals").touch()
    with Screen(folder, "models", "run", "app.py", "--id", "t") as screen:
        until((folder / "holds-totals").exists)
        screen.wait_for("1/4")
        (folder / "hold-totals").unlink()
        assert screen.end() == 0
    shown = _plain(screen.text)
    assert re.search(r"demo\.totals +waiting", shown)
    assert re.search(r"demo\.words +done +━+ +3 rows +\d+\.\d s", shown)
    assert re.search(r"demo\.totals +running +━+.*1/4 +\d+\.\d s +holding on", shown)
    assert "  demo.words: counted for nobody" in shown
    assert "demo.words: warning: 1 row breaks accepted_values(words)" in shown
    # The picture is gone before the result is written.
    after = _plain(screen.text.rsplit("\x1b[?25h", maxsplit=1)[1])
    assert "running" not in after
    assert re.search(r"demo\.totals +done +1 +1", after)
    assert "Run t: done in" in after


def test_ctrl_c_on_a_terminal_cancels_and_gives_the_cursor_back(folder: Path) -> None:
    (folder / "hold-words").touch()
    with Screen(folder, "models", "run", "app.py", "--id", "t") as screen:
        until((folder / "holds-words").exists)
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
    shown = _plain(screen.text)
    assert "Cancelling: models at work end at their next report of progress" in shown
    assert "The run t was cancelled." in shown
    assert screen.text.rindex("\x1b[?25h") > screen.text.rindex("\x1b[?25l")
    assert "Traceback" not in shown


def test_what_documents_hold_moves_no_cursor(folder: Path) -> None:
    fill_documents(folder, {"bad\x1b[2J": "BOOM"})
    with Screen(folder, "models", "run", "app.py", "--allow-errors") as screen:
        assert screen.end() == 0
    assert "bad^[[2J" in screen.text
    assert "bad\x1b[2J" not in screen.text


@pytest.mark.parametrize("variable", ["quiet", "dumb"])
def test_a_quiet_run_and_a_simple_terminal_have_no_picture(folder: Path, variable: str) -> None:
    options, variables = (["--quiet"], {}) if variable == "quiet" else ([], {"TERM": "dumb"})
    with Screen(folder, "models", "run", "app.py", *options, **variables) as screen:
        assert screen.end() == 0
    assert "\x1b[?25l" not in screen.text
    assert ("demo.words: started" in screen.text) is (variable == "dumb")


def _happen(run: str) -> None:
    """Let a run of two models happen, the first with a failed try."""
    events = ModelEvents(run, "m.first")
    events.happened("started")
    events.happened("failed", "m.first: ValueError: no luck")
    events.happened("started")
    events.log("halfway", "info")
    events.log("nobody reads this", "debug")
    events.log("odd\x1b[1m", "warning")
    events.progress(2, 2, "the last")
    events.happened("ended", data={"rows_written": 1200, "seconds": 0.5})
    ModelEvents(run, "m.second").happened("failed", "m.second: KeyError: 'x'")
    ModelEvents(run, None).happened("failed", "m.second: KeyError: 'x'")


def test_a_program_shows_its_runs_as_lines_where_there_is_no_terminal() -> None:
    file = io.StringIO()
    with display(file=file) as shown:
        _happen("r")
    assert file.getvalue().splitlines() == [
        "m.first: started",
        "failed: m.first: ValueError: no luck",
        "m.first: tried again, after: ValueError: no luck",
        "m.first: halfway",
        "m.first: warning: odd^[[1m",
        "m.first: done, 1,200 rows, 0.50 s",
        "failed: m.second: KeyError: 'x'",
    ]
    assert list(shown.runs) == ["r"]
    _happen("later")
    assert list(shown.runs) == ["r"], "it listens only while it is entered"


def test_a_program_shows_its_runs_as_a_picture_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    file = io.StringIO()
    with display(["m.first", "m.second", "m.third"], file=file, live=True):
        _happen("r")
    last = _plain(file.getvalue()).rsplit("m.first ", maxsplit=1)[1]
    assert re.match(r" *done +━+ +1,200 rows +0\.5 s", last)
    assert re.search(r"m\.second +failed +KeyError: 'x'", last)
    assert re.search(r"m\.third +waiting", last)
    assert "  m.first: halfway" in last
    assert "nobody reads this" not in file.getvalue()


def test_more_models_than_the_screen_has_lines_are_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "12")
    file = io.StringIO()
    with display([f"m.n{number}" for number in range(40)], file=file, live=True):
        ModelEvents("r", "m.n39").happened("started")
    last = _plain(file.getvalue()).splitlines()[-10:]
    assert any(re.match(r"m\.n39 +running", line) for line in last)
    assert any("and 31 more models" in line for line in last)


def _event(kind: str, model: str | None = "m.a", **values: object) -> Event:
    return Event(time=10.0, model=model, kind=kind, **values)  # type: ignore[arg-type]


def test_batches_count_more_than_what_happens_inside_one() -> None:
    progress = RunProgress("r", ["m.a"])
    progress.take(_event("started"))
    progress.take(_event("progress", done=3, total=5, message="d3"))
    assert (progress.models["m.a"].done, progress.models["m.a"].total) == (3, 5)
    progress.take(_event("progress", done=1, total=40, message="batches"))
    progress.take(_event("progress", done=4, total=5, message="d9"))
    one = progress.models["m.a"]
    assert (one.done, one.total, one.message) == (1, 40, "d9")


def test_a_result_tells_what_earlier_processes_did() -> None:
    progress = RunProgress("r", ["m.a", "m.b", "m.c"])
    progress.take(_event("started", "m.b"))
    progress.finish(
        {
            "results": {"m.a": {"rows_written": 7, "seconds": 2.0}},
            "errors": {"m.b": "m.b: OSError: gone"},
            "skipped": ["m.c"],
        }
    )
    states = [(one.name, one.state, one.message) for one in progress.models.values()]
    assert states == [
        ("m.a", "done", ""), ("m.b", "failed", "OSError: gone"), ("m.c", "skipped", ""),
    ]  # fmt: skip
    assert progress.models["m.a"].lasted(100.0) == 2.0
    progress.take(_event("started", "m.b"))
    progress.interrupt()
    assert progress.models["m.b"].state == "interrupted"
