"""On a terminal: questions, the list of flows, bars."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import pytest

from tests.coco_flow.cli.program import Screen, coco_flow, rows
from tests.coco_flow.cli.test_live import SLOW


@pytest.mark.row("CLI-12 flow picker")
def test_several_flows_are_offered_and_the_arrow_keys_choose(folder: Path) -> None:
    with Screen(folder, "show", "app.py") as screen:
        screen.wait_for("> DocFlow")
        screen.press("\x1b[B")
        screen.wait_for("> OtherFlow")
        screen.press("\r")
        assert screen.end() == 0
    assert "Schema of OtherFlow" in screen.text
    assert "Schema of DocFlow" not in screen.text


@pytest.mark.row("CLI-12 flow picker")
def test_escape_leaves_the_list_and_one_flow_is_not_asked_for(folder: Path) -> None:
    with Screen(folder, "show", "app.py") as screen:
        screen.wait_for("> DocFlow")
        screen.press("\x1b")
        assert screen.end() == 130
    text = (folder / "app.py").read_text()
    (folder / "one.py").write_text(text[: text.index('@coco_flow.flow_def(name="OtherFlow")')])
    with Screen(folder, "show", "one.py") as screen:
        assert screen.end() == 0
    assert "Schema of DocFlow" in screen.text
    assert "Choose" not in screen.text


@pytest.mark.row("CLI-13 confirmation")
def test_a_question_is_answered_on_the_terminal(folder: Path) -> None:
    with Screen(folder, "update", "app.py:DocFlow") as screen:
        screen.wait_for("[yes/N]: ")
        screen.press("\n")
        assert screen.end() == 0
    assert rows(folder) == []
    with Screen(folder, "update", "app.py:DocFlow") as screen:
        screen.wait_for("[yes/N]: ")
        screen.press("y\n")
        assert screen.end() == 0
    assert rows(folder) == ["a.md", "b.md"]


def test_ctrl_c_at_a_question_changes_nothing(folder: Path) -> None:
    with Screen(folder, "setup", "app.py") as screen:
        screen.wait_for("[yes/N]: ")
        screen.process.send_signal(signal.SIGINT)
        assert screen.end() == 130
    assert "Traceback" not in screen.text
    assert rows(folder) == []


def test_a_bar_shows_rows_and_goes_when_it_is_done(folder: Path) -> None:
    (folder / "slow.py").write_text(SLOW)
    (folder / "many").mkdir()
    for index in range(300):
        (folder / "many" / f"{index}.txt").write_text(str(index))
    with Screen(folder, "update", "slow.py", "--force") as screen:
        screen.wait_for("in progress")
        assert screen.end() == 0
    assert re.search(r"Slow\.docs .* \d+ rows, \d+ in progress", screen.text)
    after = screen.text.rsplit("\x1b[?25h", maxsplit=1)[1]
    assert "Slow.docs: 300 source rows: 300 added" in after
    assert "in progress" not in after


def test_colors_appear_on_a_terminal_unless_forbidden(folder: Path) -> None:
    with Screen(folder, "show", "app.py:DocFlow") as screen:
        screen.end()
    assert "\x1b[1m" in screen.text
    with Screen(folder, "show", "app.py:DocFlow", NO_COLOR="1") as screen:
        screen.end()
    assert "\x1b" not in screen.text
    done = coco_flow(folder, "show", "app.py:DocFlow")
    assert "\x1b" not in done.stdout


def test_what_files_hold_moves_no_cursor(folder: Path) -> None:
    (folder / "docs" / "bad\x1b[2J.md").write_text("BOOM")
    with Screen(folder, "update", "app.py:DocFlow", "--force") as screen:
        assert screen.end() == 1
    assert "bad^[[2J.md" in screen.text
    assert "bad\x1b[2J" not in screen.text
