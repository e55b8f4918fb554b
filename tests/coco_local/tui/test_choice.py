"""The dashboard turns to the project that it is opened in, and never silently to the one around."""

from __future__ import annotations

from pathlib import Path

import pytest

from coco_local.tui.choice import first_choice
from coco_protocol.projects import ProjectBody
from tests.coco_local.tui.conftest import Stage
from tests.sources import git

pytestmark = pytest.mark.anyio


def body(root: Path) -> ProjectBody:
    return ProjectBody(project_id=f"id-{root.name}", name=root.name, root=str(root), state="ready")


@pytest.fixture
def projects(tmp_path: Path) -> list[ProjectBody]:
    for name in ("alpha", "beta/clone"):
        (tmp_path / name).mkdir(parents=True)
        git(tmp_path / name, "init", "--quiet")
    return [body(tmp_path / "alpha"), body(tmp_path / "beta")]


def test_the_project_around_comes_first(projects: list[ProjectBody], tmp_path: Path) -> None:
    alpha, beta = projects
    assert first_choice(projects, tmp_path / "beta/src") == (beta, None)
    assert first_choice(projects, tmp_path) == (alpha, None)
    assert first_choice([], tmp_path) == (None, None)
    chosen, problem = first_choice(projects, tmp_path / "beta/clone")
    assert chosen == alpha
    assert f"coco import {tmp_path}/beta/clone" in str(problem)


async def test_the_dashboard_says_so(
    stage: Stage, projects: list[ProjectBody], tmp_path: Path
) -> None:
    stage.service.project_list = tuple(projects)
    async with stage.session(place=tmp_path / "beta/clone") as session:
        # The sentence is wrapped where the path ends: one word of it that stands nowhere else.
        await session.until_shown("repository")
