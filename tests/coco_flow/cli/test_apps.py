"""Commands on apps of the component style."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.coco_flow.cli.program import Background, coco_flow, document
from tests.waiting import until

APP = """
import pathlib

import coco_flow.components as coco
from coco_flow.components.connectors import localfs
from coco_flow.components.file import PatternFilePathMatcher


@coco.lifespan
def lifespan(builder: coco.EnvironmentBuilder):
    builder.settings.db_path = pathlib.Path("state")
    yield


@coco.fn(memo=True)
async def copy(file: localfs.File, target: localfs.DirTarget) -> None:
    text = await file.read_text()
    if "BOOM" in text:
        raise ValueError("boom in the text")
    target.declare_file(filename=file.file_path.path.name, content=text.upper())


@coco.fn
async def main(source: pathlib.Path, out: pathlib.Path) -> None:
    target = await coco.use_mount(
        coco.component_subpath("setup"), localfs.declare_dir_target, out
    )
    matcher = PatternFilePathMatcher(included_patterns=["*.md"])
    files = localfs.walk_dir(source, path_matcher=matcher, live=True)
    await coco.mount_each(copy, files.items(), target)


app = coco.App(coco.AppConfig(name="Copies"), main, pathlib.Path("docs"), pathlib.Path("out"))
"""


@pytest.fixture
def apps(folder: Path) -> Path:
    (folder / "app.py").write_text(APP)
    return folder


def test_an_app_is_listed_updated_shown_and_dropped(apps: Path) -> None:
    listed = coco_flow(apps, "ls", "app.py").stdout
    assert listed.startswith("default (./state):\n  Copies [+]\n")
    done = coco_flow(apps, "update", "app.py")
    assert done.returncode == 0, done.stderr
    assert "copy: 2 total | 2 added" in done.stdout
    assert (apps / "out" / "a.md").read_text() == "# HI\n\nSOME TEXT"
    again = document(coco_flow(apps, "update", "app.py:Copies", "--json"))["apps"][0]
    assert (again["status"], again["components"]["copy"]["num_no_change"]) == ("done", 2)
    assert coco_flow(apps, "ls", "app.py").stdout == "default (./state):\n  Copies\n"
    assert coco_flow(apps, "ls", "--db", "state").stdout == "state:\n  Copies\n"
    assert coco_flow(apps, "ls", COCO_FLOW_DB="state").stdout == "state:\n  Copies\n"
    shown = coco_flow(apps, "show", "app.py", "--tree").stdout
    assert "- / [component]" in shown
    assert "  - a.md [component]" in shown
    states = coco_flow(apps, "show", "--db", "state", "--app-name", "Copies", "--target-states")
    assert "owner:" in states.stdout
    dropped = coco_flow(apps, "drop", "app.py", "--force")
    assert "Dropped app 'Copies'" in dropped.stdout
    assert not (apps / "out" / "a.md").exists()
    assert "Copies [+]" in coco_flow(apps, "ls", "app.py").stdout


def test_a_preview_shows_actions_and_does_none(apps: Path) -> None:
    (apps / "app.py").write_text(APP.replace("live=True", "live=False"))
    previewed = coco_flow(apps, "update", "app.py", "--preview")
    assert previewed.stdout.startswith("Preview: planned target actions\n")
    assert "a.md" in previewed.stdout
    assert not (apps / "out").exists()
    assert "copy: 2 total | 2 added" in coco_flow(apps, "update", "app.py").stdout
    actions = document(coco_flow(apps, "update", "app.py", "--dry-run", "--json"))["actions"]
    assert not [action for action in actions if "a.md" in action]


@pytest.mark.row("CLI-14 exit codes")
def test_a_component_that_fails_ends_with_1(apps: Path) -> None:
    (apps / "docs" / "bad.md").write_text("BOOM")
    done = coco_flow(apps, "update", "app.py")
    assert done.returncode == 1
    assert "boom in the text" in done.stderr
    assert 'File "app.py", line' in done.stderr
    assert "components/engine.py" not in done.stderr
    assert (apps / "out" / "a.md").exists()
    assert coco_flow(apps, "update", "app.py", "--allow-errors").returncode == 0


def test_reset_of_an_app_asks(apps: Path) -> None:
    coco_flow(apps, "update", "app.py")
    declined = coco_flow(apps, "update", "app.py", "--reset", answer="no\n")
    assert (declined.returncode, declined.stdout) == (0, "")
    assert (apps / "out" / "a.md").exists()
    done = coco_flow(apps, "update", "app.py", "--reset", answer="yes\n")
    assert "copy: 2 total | 2 added" in done.stdout


def test_an_app_follows_changes_until_a_signal(apps: Path) -> None:
    with Background(apps, "update", "app.py", "--live") as live:
        live.wait_for("up to date and follows changes")
        (apps / "docs" / "new.md").write_text("new")
        until((apps / "out" / "new.md").exists)
        live.wait_for(r"Copies\.copy: .*1 added")
        assert live.stop(signal.SIGTERM) == 0, live.output
    assert "Traceback" not in live.output


def test_an_app_that_is_not_there_is_told(apps: Path) -> None:
    done = coco_flow(apps, "update", "app.py:Copy")
    assert done.returncode == 1
    assert "No app named 'Copy'" in done.stderr
    assert "Did you mean 'Copies@default'?" in done.stderr or "Apps here: Copies" in done.stderr
    away = coco_flow(apps, "update", "app.py:Copies@staging")
    assert away.returncode == 1
    assert "No environment named 'staging'" in away.stderr
