"""`init` and `doctor`."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from coco_flow.cli.features import FEATURES
from tests.coco_flow.cli.program import coco_flow, document, fresh_process

PACKAGE = Path(__file__).parents[3] / "packages" / "coco_flow"


@pytest.mark.slow
def test_the_starter_runs_at_once_with_the_commands_that_are_told(tmp_path: Path) -> None:
    created = fresh_process(tmp_path, "init", "my-notes")
    assert created.returncode == 0, created.stderr
    commands = [line.strip() for line in created.stdout.split("Next:\n")[1].splitlines()]
    assert commands[0] == "cd my-notes"
    project = tmp_path / "my-notes"
    updated = fresh_process(project, *commands[1].split()[1:])
    assert (updated.returncode, updated.stdout) == (
        0,
        "MyNotes.documents: 1 source rows: 1 added\n",
    )
    asked = document(fresh_process(project, *commands[2].replace('"', "").split()[1:]))
    assert asked["results"][0]["filename"] == "first.md"
    assert "COCO_FLOW_DATABASE_URL" in (project / ".env.example").read_text()
    compile((project / "main.py").read_text(), "main.py", "exec")


def test_init_overwrites_nothing(tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("mine")
    done = coco_flow(tmp_path, "init")
    assert done.returncode == 1
    assert "main.py: there already" in done.stderr
    assert (tmp_path / "main.py").read_text() == "mine"
    assert not (tmp_path / ".env.example").exists()
    assert coco_flow(tmp_path, "init", "9 lives", "--dir", "x").returncode == 0
    assert "Flow9Lives [+]" in coco_flow(tmp_path / "x", "ls", "main.py").stdout


def test_doctor_checks_the_installation_and_makes_nothing(tmp_path: Path) -> None:
    done = coco_flow(tmp_path, "doctor")
    assert done.returncode == 0, done.stdout
    for words in ("ok   python: ", "ok   sqlite: ", "ok   disk space: ", "ok   state: none yet"):
        assert words in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_doctor_tells_the_state_and_an_application(built: Path) -> None:
    (built / "docs" / "bad.md").write_text("BOOM")
    coco_flow(built, "update", "app.py:DocFlow")
    done = coco_flow(built, "doctor", "app.py", "--json")
    found = {finding["check"]: finding for finding in document(done)["findings"]}
    assert "schema 1" in found["state"]["message"]
    assert found["flow DocFlow"]["level"] == "warn"
    assert found["flow DocFlow"]["message"] == "2 rows; 1 failed"
    assert found["application"]["message"].startswith("app.py: DocFlow, OtherFlow")
    assert found["definition of DocFlow"]["message"] == "valid and set up"
    assert found["definition of OtherFlow"]["fix"] == "coco-flow setup app.py"
    assert done.returncode == 0, "warnings are no failure"


def test_doctor_fails_for_what_is_broken(folder: Path) -> None:
    text = (folder / "app.py").read_text().replace('doc["filename"]', 'doc["filenam"]', 1)
    (folder / "app.py").write_text(text)
    done = coco_flow(folder, "doctor", "app.py")
    assert done.returncode == 1
    assert re.search(r"fail definition of DocFlow: .*filenam", done.stdout)
    (folder / ".coco_flow").mkdir()
    (folder / ".coco_flow" / "state.db").write_text("this is no database, whatever it is called")
    broken = coco_flow(folder, "doctor")
    assert broken.returncode == 1
    assert "fail state: " in broken.stdout


@pytest.mark.row("CFG-8 connection error text")
def test_doctor_says_that_a_database_cannot_be_reached(tmp_path: Path) -> None:
    url = "postgresql://joe:hidden-word@127.0.0.1:9/flows"
    done = coco_flow(tmp_path, "doctor", COCO_FLOW_DATABASE_URL=url)
    assert done.returncode == 1
    assert "joe:***@127.0.0.1:9" in done.stdout
    assert "hidden-word" not in done.stdout + done.stderr


def test_doctor_knows_every_extra() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text())["project"]
    extras = set(project["optional-dependencies"]) - {"all"}
    assert {feature.extra for feature in FEATURES} | {"code"} == extras | {"code"}


def test_a_feature_that_is_missing_names_what_is_missing() -> None:
    from coco_flow.cli.features import Feature

    feature = Feature("something", "some", ("json", "nothing_of_this.name", "nor_this"))
    assert feature.missing == ["nothing_of_this.name", "nor_this"]
    assert feature.command == "pip install 'coco-flow[some]'"
