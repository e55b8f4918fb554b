"""A folder with an application and two documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coco_flow.cli.program import APP, coco_flow


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APP)
    for name, text in (("docs/a.md", "# Hi\n\nsome text"), ("docs/b.md", "# Two\n\nother text")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "n.txt").write_text("a note")
    return tmp_path


@pytest.fixture
def built(folder: Path) -> Path:
    """The folder after a first update of DocFlow."""
    done = coco_flow(folder, "update", "app.py:DocFlow", "--force")
    assert done.returncode == 0, done.stderr
    (folder / "calls.txt").unlink()
    return folder
