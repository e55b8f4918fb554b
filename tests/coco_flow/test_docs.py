"""The programs that the documentation shows run as they are."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

import coco_flow
from coco_flow.setting import DatabaseConnectionSpec, Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("packages/coco_flow/README.md", "docs/flow.md")


def _programs(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    return [block for block in blocks if block.startswith("import coco_flow")]


@pytest.mark.parametrize("page", PAGES)
def test_the_flow_that_a_page_shows_fills_its_target(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("# Title\n\nSome text.\n", encoding="utf-8")
    programs = _programs(page)
    assert programs
    for number, program in enumerate(programs):
        coco_flow.init(Settings(database=DatabaseConnectionSpec(url=f"state{number}.db")))
        names: dict[str, object] = {"__name__": f"page_{number}"}
        exec(compile(program, page, "exec"), names)
        flow = names["flow"]
        assert isinstance(flow, coco_flow.Flow)
        try:
            flow.setup()
            assert flow.update().stats == {"docs": {"num_insertions": 1}}
        finally:
            flow.close()
            coco_flow.stop()
    with sqlite3.connect(tmp_path / "docs.db") as connection:
        table = connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table'"
        ).fetchone()[0]
        rows = connection.execute(f'SELECT text FROM "{table}"').fetchall()
    connection.close()
    assert rows == [("# Title\n\nSome text.",)]
