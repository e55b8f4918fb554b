"""Searching in the dashboard: live results, preview, opening."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from coco_local.tui.preview import CodePreview
from coco_local.tui.results import ResultList
from coco_local.tui.search import SearchView
from tests.coco_local.tui.conftest import Session, Stage

pytestmark = pytest.mark.anyio


async def ask(session: Session, text: str, shown: str = "") -> None:
    await session.until_shown("courier")
    await session.press("slash")
    await session.paste(text)
    await session.until_shown(shown)


async def test_results_follow_the_typing(session: Session) -> None:
    await ask(session, "backof", "Nothing matches")
    await session.paste("f")
    await session.until_shown("Backoff.delay", "7 hits")
    await session.press("backspace")
    await session.until_shown("Nothing matches")


async def test_letters_are_typed_and_not_acted_on(session: Session) -> None:
    await ask(session, "")
    await session.press(*"ripqlvt")
    await session.until(lambda: session.service.asked)
    await session.until_shown("ripqlvt", "Nothing matches")
    assert session.service.asked[-1].query == "ripqlvt"
    assert not session.service.rescanned


async def test_fast_typing_asks_seldom(session: Session) -> None:
    await ask(session, "")
    await session.press(*"jitter", "space", *"backoff")
    await session.until_shown("7 hits")
    asked = [request.query for request in session.service.asked]
    assert asked[-1] == "jitter backoff"
    assert len(asked) < len(asked[-1])


async def test_late_answers_are_not_shown(session: Session) -> None:
    await ask(session, "backoff", "7 hits")
    view = session.app.dashboard.query_one(SearchView)
    answered = len(session.service.asked)
    view.ask("backoff late", "p-atlas")
    view._submit()
    view.ask("", "p-atlas")
    await session.until(lambda: len(session.service.asked) > answered)
    await session.until_shown("Type what the code does")
    assert "hits" not in session.text


async def test_filters_are_left_to_the_service(session: Session) -> None:
    typed = "backoff lang:python path:courier/** std::move"
    await ask(session, typed)
    await session.until(lambda: session.service.asked and session.service.asked[-1].query == typed)
    assert session.service.asked[-1].project_id == "p-atlas"


async def test_other_project_asks_again(session: Session) -> None:
    await ask(session, "backoff", "7 hits")
    await session.press("ctrl+p")
    await session.until_shown("Search in")
    await session.press("down", "enter")
    await session.until_shown("in courier")
    await session.until(lambda: session.service.asked[-1].project_id == "p-courier")


async def test_preview_has_the_lines_of_the_file(session: Session) -> None:
    await ask(session, "backoff", "plain * (1 + random.uniform")
    [row] = [row for row in session.text.split("\n") if "plain = min(" in row]
    assert "▌21  " in row
    await session.press("down", "down", "down")
    await session.until_shown("func (s *Spool) Append")
    [row] = [row for row in session.text.split("\n") if "func (s *Spool)" in row]
    assert "▌12  " in row
    assert session.app.dashboard.query_one(ResultList).highlighted == 3


async def test_file_that_is_gone_shows_what_was_found(session: Session) -> None:
    await ask(session, "backoff", "7 hits")
    await session.press("down", "down", "down", "down")
    await session.until_shown("RetryPolicy.next_attempt", "▌42  def gone()")


async def test_focus_goes_round_and_back(session: Session) -> None:
    await ask(session, "backoff", "7 hits")
    await session.press("tab")
    assert isinstance(session.app.focused, ResultList)
    await session.press("tab")
    assert isinstance(session.app.focused, CodePreview)
    await session.press("slash")
    await session.paste(" x")
    await session.until(lambda: session.service.asked[-1].query == "backoff x")
    await session.press("escape")
    await session.until_shown("Last indexed files", "Search code and docs")


async def test_place_is_copied_without_an_editor(session: Session) -> None:
    await ask(session, "backoff", "7 hits")
    await session.press("enter")
    await session.until_shown("Copied")
    assert session.app.clipboard == "/home/ada/src/atlas/courier/delivery/backoff.py:20"
    await session.press("down", "ctrl+y")
    assert session.app.clipboard.endswith("backoff.py:13")


async def test_editor_with_a_window_gets_the_place(stage: Stage, tmp_path: Path) -> None:
    script, said = tmp_path / "code", tmp_path / "said"
    script.write_text(
        f"#!{sys.executable}\nimport sys, pathlib\n"
        f"pathlib.Path({str(said)!r} + '~').write_text(' '.join(sys.argv[1:]))\n"
        f"pathlib.Path({str(said)!r} + '~').rename({str(said)!r})\n",
        encoding="utf-8",
    )
    script.chmod(0o755)
    async with stage.session(environ={"VISUAL": f"{script} --wait"}) as session:
        await ask(session, "backoff", "7 hits")
        await session.press("enter")
        await session.until(said.exists)
    wanted = "--wait --goto /home/ada/src/atlas/courier/delivery/backoff.py:20"
    assert said.read_text(encoding="utf-8") == wanted


async def test_editor_that_is_not_there_is_told(stage: Stage) -> None:
    async with stage.session(environ={"EDITOR": "/nowhere/subl"}) as session:
        await ask(session, "backoff", "7 hits")
        await session.press("enter")
        await session.until_shown("Cannot start the editor")


async def test_no_project_no_search(stage: Stage) -> None:
    stage.service.project_list = ()
    async with stage.session() as session:
        await session.until_shown("No project yet")
        await session.press("slash")
        await session.paste("anything")
        await session.until_shown("No project to search in")
    assert not stage.service.asked
