"""Loading the file in which a user defines flows."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from coco_flow import user_app_loader
from coco_flow.user_app_loader import load_user_app


def test_an_edit_within_a_second_of_equal_size_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(user_app_loader, "_loaded", {})
    app = tmp_path / "quickly_edited.py"
    found = []
    for number in (1, 2):
        app.write_text(f"NUMBER = {number}\n", encoding="utf-8")
        os.utime(app, (1_000_000_000, 1_000_000_000))
        found.append(load_user_app(str(app)).NUMBER)
        # The next load is another process's.
        user_app_loader._loaded.clear()
        del sys.modules["quickly_edited"]
    assert found == [1, 2]
    assert [path.name for path in tmp_path.iterdir()] == ["quickly_edited.py"]
    sys.path.remove(str(tmp_path))
