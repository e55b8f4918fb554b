"""Set-up and updates that end in the middle, at each moment that matters."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from tests.coco_flow.engine.folder_flow import write
from tests.coco_flow.engine.stopping_flow import EXIT_CODE, parts_flow
from tests.flow_parts import flow_state

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "docs").mkdir()
    write(tmp_path / "docs" / "shrinks", "a b c d e f g h")
    write(tmp_path / "docs" / "goes", "x y")
    with flow_state(tmp_path):
        flow = parts_flow(tmp_path)
        flow.setup()
        flow.update()
        flow.close()
        yield tmp_path


def _stop_in(folder: Path, moment: str) -> None:
    coco_flow.stop()
    ended = subprocess.run(
        [sys.executable, "-m", "tests.coco_flow.engine.stopping_flow", str(folder), moment],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=ROOT,
    )
    assert ended.returncode == EXIT_CODE, ended.stderr
    coco_flow.init(
        coco_flow.Settings(database=coco_flow.DatabaseConnectionSpec(f"{folder}/state.db"))
    )


def _asked(path: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def _rows(folder: Path, columns: str = "filename, number, text") -> set[Any]:
    return set(_asked(folder / "rows.db", f"SELECT {columns} FROM parts"))


def _wanted(folder: Path) -> set[Any]:
    return {
        (path.name, number, word)
        for path in (folder / "docs").iterdir()
        for number, word in enumerate(path.read_text(encoding="utf-8").split())
    }


@pytest.mark.row("INC-10 crash in phase 3")
@pytest.mark.row("INC-10b crash before commit")
@pytest.mark.parametrize("moment", ["before write", "after write"])
def test_an_update_cut_short_is_completed_by_the_next(folder: Path, moment: str) -> None:
    before = _rows(folder)
    docs = folder / "docs"
    write(docs / "shrinks", "a B c d e")
    write(docs / "comes", "new words")
    (docs / "goes").unlink()
    _stop_in(folder, moment)
    staged = "SELECT COUNT(*) FROM source_row WHERE staging IS NOT NULL"
    assert _asked(folder / "state.db", staged)[0][0] > 0, "the moment was hit"
    if moment == "before write":
        assert _rows(folder) == before
    # What the process had begun to write is not wanted any more.
    write(docs / "shrinks", "a b c")
    (docs / "comes").unlink()
    flow = parts_flow(folder)
    assert not flow.update().has_errors
    assert _rows(folder) == _wanted(folder) == {("shrinks", n, w) for n, w in enumerate("abc")}
    assert flow.update().stats == {"docs": {"num_no_change": 1}}
    assert _asked(folder / "state.db", staged)[0][0] == 0


@pytest.mark.row("RG-7 crash in setup")
@pytest.mark.row("IN-8 staged setup")
@pytest.mark.parametrize("moment", ["before apply_setup", "after apply_setup"])
def test_a_set_up_cut_short_is_reported_and_completed(folder: Path, moment: str) -> None:
    _stop_in(folder, moment)
    flow = parts_flow(folder, with_size=True)
    text, up_to_date = coco_flow.make_setup_bundle([flow]).describe()
    assert not up_to_date
    assert "to update" in text
    with pytest.raises(coco_flow.errors.SetupNeeded):
        flow.update()
    flow.setup()
    assert coco_flow.make_setup_bundle([flow]).describe()[1]
    flow.update()
    assert _rows(folder) == _wanted(folder)
    assert all(text == again for text, again in _rows(folder, "text, again"))


def test_the_old_definition_can_come_back_after_a_set_up_cut_short(folder: Path) -> None:
    _stop_in(folder, "after apply_setup")
    flow = parts_flow(folder)
    flow.setup()
    flow.update()
    assert _rows(folder) == _wanted(folder)
    columns = [row[1] for row in _asked(folder / "rows.db", "PRAGMA table_info(parts)")]
    assert columns == ["filename", "number", "text"]
