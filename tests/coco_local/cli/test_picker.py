"""The interactive picker over a real daemon."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from textual.widgets import OptionList, Static

from coco_local.cli.connection import connected
from coco_local.cli.picker import Picker
from coco_local.cli.places import choose_places
from coco_protocol.docs import QueryRequest, RetrievalBody

pytestmark = pytest.mark.anyio


@pytest.fixture
def picker(shop):
    """The picker over the results for a word that several files hold."""
    with connected() as client:
        places = choose_places(client, None, every=False)
        request = QueryRequest(
            query="cart",
            project_id=places.places[0].project_id,
            retrieval_config=RetrievalBody(retrieval_mode="fts"),
        )
        yield Picker(client, places, client.query(request).data.results, "cart")


@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_arrows_choose_and_enter_opens(picker, shop, tmp_path, monkeypatch, size) -> None:
    called = tmp_path / "called"
    # By its name an editor with a window of its own: the tests have no terminal to lend.
    program = tmp_path / "code"
    program.write_text(
        f"#!{sys.executable}\nimport sys\n"
        f"open({str(called)!r}, 'w', encoding='utf-8').write('\\n'.join(sys.argv[1:]))\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    monkeypatch.setenv("VISUAL", str(program))
    async with picker.run_test(size=size) as pilot:
        await pilot.press("down")
        await pilot.pause()
        options = picker.query_one(OptionList)
        assert options.highlighted == 1
        row = str(options.get_option_at_index(1).prompt)
        code = picker.query_one("#code", Static)
        assert code.size.height > 0
        await pilot.press("enter")
        await pilot.pause()
    option, place = called.read_text(encoding="utf-8").splitlines()
    assert option == "--goto"
    path, _, line = place.rpartition(":")
    assert row.startswith(f"{Path(path).relative_to(shop)}:{line} ")


async def test_without_an_editor_it_says_so_and_stays(picker) -> None:
    async with picker.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        await pilot.pause()
        assert picker.is_running
        [notice] = picker._notifications
        assert "neither VISUAL nor EDITOR is set" in notice.message
        await pilot.press("escape")
    assert not picker.is_running
