"""Keys, dialogs, connection: what the dashboard does, over HTTP."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from coco_local.tui.messages import StatusArrived
from coco_local.tui.panels.projects import Projects
from coco_protocol.system import GrammarBody, ModelBody
from tests.coco_local.tui.conftest import Session, Stage

pytestmark = pytest.mark.anyio


async def test_attached_dashboard_closes_without_asking(stage: Stage) -> None:
    async with stage.session() as session:
        await session.until_shown("courier")
        await session.press("q")
    assert session.app.return_value is True


@pytest.mark.parametrize(
    ("keys", "runs_on"),
    [
        (["enter"], True),
        (["l"], True),
        (["down", "enter"], False),
        (["s"], False),
        (["ctrl+c"], False),
    ],
)
async def test_own_daemon_is_asked_about(stage: Stage, keys: list[str], runs_on: bool) -> None:
    async with stage.session(owns_daemon=True) as session:
        await session.until_shown("courier")
        await session.press("q")
        await session.until_shown("Leave it running", "Stop it")
        await session.press(*keys)
    assert session.app.return_value is runs_on


async def test_closing_can_be_called_off(stage: Stage) -> None:
    async with stage.session(owns_daemon=True) as session:
        await session.until_shown("courier")
        await session.press("q")
        await session.until_shown("Stop it")
        await session.press("escape")
        await session.until_gone("Stop it")
        assert session.app.is_running
        await session.press("q", "l")
    assert session.app.return_value is True


async def test_stopping_daemon_takes_its_dashboard_along(stage: Stage) -> None:
    closing = threading.Event()
    async with stage.session(owns_daemon=True, closing=closing) as session:
        await session.until_shown("courier")
        closing.set()
        session.app.feed.refresh()
        await session.until(lambda: session.app.return_value is not None)
    assert session.app.return_value is False


async def test_rescan_goes_to_the_project_under_the_cursor(session: Session) -> None:
    await session.press("down", "r")
    await session.until_shown("Rescanning courier")
    assert session.service.rescanned == ["p-courier"]


async def test_refusal_is_told(session: Session) -> None:
    await session.press("down")
    session.service.project_list = session.service.project_list[:1]
    await session.press("r")
    await session.until_shown("There is no project 'p-courier'")


async def test_project_is_picked_from_a_list(session: Session) -> None:
    await session.press("p")
    await session.until_shown("Search in", "/home/ada/notes/handbook")
    await session.press("down", "down", "down", "up", "enter")
    await session.until_shown("in courier")


async def test_projects_of_the_list_are_filtered_by_typing(session: Session) -> None:
    await session.press("p")
    await session.until_shown("Search in", "/home/ada/src/courier")
    await session.paste("NOTES book")
    await session.until_shown("1 of 3", "/home/ada/notes/handbook")
    assert "/home/ada/src/courier" not in session.text.partition("Search in")[2].partition("╰")[0]
    await session.paste(" atlas")
    await session.until_shown("0 of 3")
    await session.press("enter", "escape")
    await session.until_gone("Search in")
    assert "in atlas" in session.text
    await session.press("p")
    await session.paste("hand")
    await session.until_shown("1 of 3")
    await session.press("enter")
    await session.until_shown("in handbook")


async def test_the_project_around_the_working_directory_is_searched(stage: Stage) -> None:
    async with stage.session(place=Path("/home/ada/src/courier/delivery")) as session:
        await session.until_shown("in courier")
        await session.press("slash")
        await session.paste("backoff")
        await session.until(lambda: session.service.asked)
    assert session.service.asked[-1].project_id == "p-courier"


async def test_projects_are_clicked(session: Session) -> None:
    await session.pilot.click(Projects, offset=(6, 3))
    await session.until_shown("in handbook")


async def test_import_checks_the_path_before_asking(session: Session, tmp_path: Path) -> None:
    await session.press("i")
    await session.until_shown("Import a directory")
    await session.press("ctrl+u")
    await session.paste(f"{tmp_path}/nowhere")
    await session.press("enter")
    await session.until_shown("does not exist")
    await session.press("ctrl+u", "ctrl+r")
    await session.paste(str(tmp_path))
    await session.press("enter")
    await session.until(lambda: session.service.imported)
    [request] = session.service.imported
    assert request.paths == [str(tmp_path)]
    assert request.recursive is True


async def test_directories_are_completed(session: Session) -> None:
    # pytest's own directories are too long to be seen whole in the dialog.
    with TemporaryDirectory(prefix="coco-") as directory:
        (Path(directory) / "lighthouse").mkdir()
        (Path(directory) / "lightning.txt").touch()
        await session.press("i")
        await session.until_shown("Import a directory")
        await session.press("ctrl+u")
        await session.paste(f"{directory}/light")
        await session.until_shown("lighthouse")
        await session.press("right", "enter")
        await session.until(lambda: session.service.imported)
        wanted = str((Path(directory) / "lighthouse").resolve())
    assert session.service.imported[0].paths == [wanted]


async def test_lost_connection_is_shown_and_taken_up_again(stage: Stage) -> None:
    async with stage.session() as session:
        await session.until_shown("all-MiniLM-L6-v2")
        session.server.stop()
        session.app.feed.refresh()
        await session.until_shown("not connected", "coco start", "trying again")
        assert "courier" in session.text
        session.service.project_list = (
            session.service.project_list[0].model_copy(update={"name": "phoenix"}),
        )
        session.server.start()
        await session.until_shown("phoenix", "all-MiniLM-L6-v2")
        assert "trying again" not in session.text


async def test_daemon_that_is_not_there_yet(stage: Stage) -> None:
    stage.server.stop()
    async with stage.session() as session:
        await session.until_shown("CoCo does not answer", "coco start")
        session.server.start()
        await session.until_shown("courier", "all-MiniLM-L6-v2")
        assert "does not answer" not in session.text


async def test_missing_model_says_what_to_do(stage: Stage) -> None:
    said, mend = "No source of the model answered.", "coco setup --model-path FILE"
    stage.service.model = ModelBody(
        name="all-MiniLM-L6-v2", state="missing", detail=said, hint=mend
    )
    async with stage.session() as session:
        await session.until_shown(said, mend)
        session.service.model = ModelBody(name="all-MiniLM-L6-v2", state="ready")
        session.app.feed.refresh()
        await session.until_gone(said)


async def test_a_grammar_that_is_fetched_shows_how_far_it_is(stage: Stage) -> None:
    stage.service.grammars = [
        GrammarBody(language="dart", state="fetching", progress=0.4),
        GrammarBody(language="nix", state="waiting"),
        GrammarBody(language="perl", state="installed"),
    ]
    async with stage.session() as session:
        await session.until_shown("Fetching the grammar of dart", "40 %", "1 more")
        session.service.grammars = [GrammarBody(language="dart", state="installed")]
        session.app.feed.refresh()
        await session.until_gone("Fetching the grammar")


async def test_views_take_turns_where_one_fits(stage: Stage) -> None:
    async with stage.session(size=(80, 24)) as session:
        await session.until_shown("Last indexed files")
        await session.press("v")
        await session.until_shown("Recent queries")
        assert "Last indexed files" not in session.text
        await session.press("v")
        await session.until_shown("compacted 14 fragments into 1")
        await session.press("v")
        await session.until_shown("Last indexed files")


@pytest.mark.parametrize("size", [(80, 24), (120, 30), (120, 40), (200, 60)])
async def test_log_takes_the_room_and_gives_it_back(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.session(size=size) as session:
        await session.until_shown("courier")
        await session.press("l")
        await session.until_shown("listening on http://127.0.0.1:3456", "compacted 14 fragments")
        assert "Embedding" not in session.text
        assert "Esc Back" in session.text
        await session.press("escape")
        await session.until_shown("Embedding", "Last indexed files")


async def test_odd_names_do_not_break_a_row(stage: Stage) -> None:
    odd = "tab\there [bold]new\nline\x1b[31m 漢字"
    first = stage.service.project_list[0]
    stage.service.project_list = (
        first.model_copy(update={"name": odd, "state": "error", "error": "[/x]"}),
    )
    async with stage.session() as session:
        await session.until_shown("tab here [bold]new line", "[/x]")
        rows = session.text.split("\n")
        assert all("│" in row for row in rows if "tab here" in row)


async def test_same_state_is_not_drawn_again(session: Session) -> None:
    session.app.feed.stop()
    session.app.feed.join()
    await session.pilot.pause()
    panel = session.app.dashboard.query_one(Projects)
    drawn: list[int] = []
    draw = panel.draw

    def counted(*given):  # type: ignore[no-untyped-def]
        drawn.append(1)
        return draw(*given)

    panel.draw = counted  # type: ignore[method-assign]
    state = panel.state
    assert state is not None
    panel.show(replace(state))
    await session.pilot.pause()
    assert not drawn
    panel.show(replace(state, chosen="p-handbook"))
    await session.pilot.pause()
    assert drawn


async def test_one_snapshot_is_handled_once(stage: Stage) -> None:
    async with stage.session() as session:
        seen: list[StatusArrived] = []
        show = session.app.dashboard.query_one(Projects).show
        session.app.dashboard.query_one(Projects).show = (  # type: ignore[method-assign]
            lambda state: (seen.append(state), show(state))[1]
        )
        session.app.feed.refresh()
        await session.until_shown("courier")
        session.app.feed.stop()
        session.app.feed.join()
        await session.pilot.pause()
        count = len(seen)
        for _ in range(20):
            await session.pilot.pause()
        assert len(seen) == count


async def test_theme_follows_the_terminal_and_the_key(stage: Stage) -> None:
    async with stage.session(environ={"COLORFGBG": "0;15"}) as session:
        await session.until_shown("courier")
        assert session.app.theme == "coco-light"
        await session.press("t")
        assert session.app.theme == "coco-dark"


async def test_colors_are_left_out_if_asked(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with stage.session() as session:
        await session.until_shown("courier")
        assert session.app.no_color
        assert "62 %" in session.text
