"""The main states, word for word, at the smallest and the usual size.

`COCO_UPDATE_SNAPSHOTS=1` writes what is shown now; look at the difference before committing it.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest

from coco_protocol.system import ModelBody, QueueStats
from tests.coco_local.tui.conftest import ConditionTimeout, Session, Stage

pytestmark = pytest.mark.anyio

SNAPSHOTS = Path(__file__).parent / "snapshots"
SIZES = [(80, 24), (120, 40)]


def stable(shown: str) -> str:
    """Return what is shown without what differs with every run."""
    # The course of memory and the time an answer took.
    lines = [
        re.sub(r"[▁▂▃▄▅▆▇█]+", "", line) if re.search("Memory|CPU", line) else line
        for line in shown.split("\n")
    ]
    return re.sub(r"─+( \d+ hits?) · [\d.]+ m?s", r"─\1", "\n".join(lines)) + "\n"


async def compare(name: str, size: tuple[int, int], session: Session) -> None:
    """Wait until the screen is the snapshot; its parts are drawn one after the other."""
    path = SNAPSHOTS / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("COCO_UPDATE_SNAPSHOTS"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(stable(session.picture_text), encoding="utf-8")
    expected = path.read_text(encoding="utf-8")
    # When the time is over the assertion below shows the difference.
    with contextlib.suppress(ConditionTimeout):
        await session.until(lambda: stable(session.text) == expected)
    assert stable(session.picture_text) == expected


@pytest.mark.parametrize("size", SIZES)
async def test_dashboard_while_embedding(stage: Stage, size: tuple[int, int]) -> None:
    stage.service.queues = QueueStats(files=12, chunks=6914)
    stage.service.embedding_rate = 412
    async with stage.session(size=size) as session:
        await session.until_shown("62 %", "412 MB", "17 s left", "backoff.py", "p95")
        await compare("dashboard", size, session)


@pytest.mark.parametrize("size", SIZES)
async def test_search(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.session(size=size) as session:
        await session.until_shown("courier")
        await session.press("slash")
        await session.paste("backoff")
        await session.until_shown("Backoff.delay", "plain * (1 + random.uniform")
        await session.until_shown("7 hits")
        await compare("search", size, session)


@pytest.mark.parametrize("size", SIZES)
async def test_no_project_yet(stage: Stage, size: tuple[int, int]) -> None:
    stage.service.project_list = ()
    stage.service.quiet = True
    async with stage.session(size=size) as session:
        await session.until_shown("coco import PATH", "118 MB")
        await compare("empty", size, session)


@pytest.mark.parametrize("size", SIZES)
async def test_model_is_fetched(stage: Stage, size: tuple[int, int]) -> None:
    stage.service.model = ModelBody(
        name="all-MiniLM-L6-v2",
        state="downloading",
        progress=0.43,
        detail="39 of 90 MB · 4 s left",
    )
    async with stage.session(size=size) as session:
        await session.until_shown("43 %", "39 of 90 MB")
        await compare("fetching", size, session)


@pytest.mark.parametrize("size", SIZES)
async def test_help(stage: Stage, size: tuple[int, int]) -> None:
    async with stage.session(size=size) as session:
        await session.until_shown("courier")
        await session.press("question_mark")
        await session.until_shown("lang:python" if size[1] >= 40 else "rescan it for changes")
        shown = session.text
        assert "Filters in the search box" in shown or size[1] < 40
        await session.press("escape")
        await session.until_gone("rescan it for changes")
