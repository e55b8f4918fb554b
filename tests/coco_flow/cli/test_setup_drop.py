"""`setup` and `drop`: plans, questions and what they leave."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.coco_flow.cli.program import coco_flow, document, rows

_TABLES = "SELECT name FROM sqlite_master WHERE type = 'table'"


def _tables(folder: Path) -> set[str]:
    if not (folder / "out.db").exists():
        return set()
    with closing(sqlite3.connect(folder / "out.db")) as connection:
        return {row[0] for row in connection.execute(_TABLES)}


@pytest.mark.row("CLI-7 setup")
@pytest.mark.row("CLI-13 confirmation")
@pytest.mark.parametrize("answer", ["\n", "no\n", "maybe\n"])
def test_only_a_yes_is_a_yes(folder: Path, answer: str) -> None:
    done = coco_flow(folder, "setup", "app.py", answer=answer)
    assert done.returncode == 0
    assert "[to create] SQLite table chunks in out.db" in done.stderr
    assert "[yes/N]" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert _tables(folder) == set()


@pytest.mark.row("CLI-7 setup")
@pytest.mark.row("CLI-13 confirmation")
def test_setup_after_a_yes_and_again(folder: Path) -> None:
    assert coco_flow(folder, "setup", "app.py", answer="yes\n").returncode == 0
    assert _tables(folder) >= {"chunks", "notes"}
    again = coco_flow(folder, "setup", "app.py")
    assert (again.returncode, again.stdout) == (0, "Setup is already up to date.\n")
    assert "[yes/N]" not in again.stderr


@pytest.mark.row("CLI-13 confirmation")
def test_without_anybody_to_ask_nothing_is_set_up_or_dropped(built: Path) -> None:
    for arguments in (["setup", "app.py"], ["drop", "app.py"]):
        done = coco_flow(built, *arguments)
        assert done.returncode == 1
        assert "--force" in done.stderr
    assert _tables(built) == {"chunks"}


@pytest.mark.row("CLI-7 setup")
def test_force_does_not_ask_and_reset_drops_first(built: Path) -> None:
    done = coco_flow(built, "setup", "app.py:DocFlow", "--reset", "--force")
    assert done.returncode == 0, done.stderr
    assert "[yes/N]" not in done.stderr
    assert "[to delete]" in done.stderr
    assert _tables(built) == {"chunks"}
    assert rows(built) == []


def test_a_dry_run_shows_changes_with_rows_and_changes_nothing(built: Path) -> None:
    text = (built / "app.py").read_text()
    (built / "app.py").write_text(text.replace("words=chunk", "number=chunk", 1))
    done = coco_flow(built, "setup", "app.py:DocFlow", "--dry-run")
    assert done.returncode == 0
    assert "[to update] SQLite table chunks in out.db" in done.stdout
    assert "- value.words: INTEGER" in done.stdout
    assert "+ value.number: INTEGER" in done.stdout
    assert "documents: 2 rows to process (2 logic changed) of 2 known" in done.stdout
    plan = document(coco_flow(built, "setup", "app.py:DocFlow", "--dry-run", "--json"))
    (change,) = plan["flows"][0]["changes"]
    assert (change["action"], change["rows_lost"]) == ("to update", False)
    assert plan["flows"][0]["rows"][0]["rows"] == {"logic changed": 2}
    assert len(rows(built, "SELECT words FROM chunks")) == 2


@pytest.mark.row("CLI-8 drop")
def test_drop_of_one_flow_leaves_the_others_and_warns_of_unknown_ones(folder: Path) -> None:
    coco_flow(folder, "update", "app.py", "--force")
    done = coco_flow(folder, "drop", "app.py", "DocFlow", "Zip", "--force")
    assert done.returncode == 0
    assert "no flow 'Zip'" in done.stderr
    assert done.stdout == "Dropped flow DocFlow.\n"
    assert _tables(folder) == {"notes"}
    again = coco_flow(folder, "drop", "app.py", "DocFlow", "--force")
    assert (again.returncode, again.stderr) == (0, "Nothing to drop.\n")


@pytest.mark.row("CLI-8 drop")
@pytest.mark.row("SET-1 managed backends")
def test_drop_without_names_removes_all_flows_of_the_application(folder: Path) -> None:
    coco_flow(folder, "update", "app.py", "--force")
    declined = coco_flow(folder, "drop", "app.py", answer="no\n")
    assert (declined.returncode, declined.stdout) == (0, "")
    assert _tables(folder) == {"chunks", "notes"}
    assert coco_flow(folder, "drop", "app.py", answer="y\n").returncode == 0
    assert _tables(folder) == set()
    assert coco_flow(folder, "ls").stdout == "No flow has state here.\n"


def test_a_flow_whose_code_is_gone_can_be_dropped(built: Path) -> None:
    (built / "app.py").unlink()
    done = coco_flow(built, "drop", "--stored", "DocFlow", "--force")
    assert done.returncode == 0, done.stderr
    assert _tables(built) == set()
    assert coco_flow(built, "ls").stdout == "No flow has state here.\n"
