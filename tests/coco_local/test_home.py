from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from coco_core.errors import InvalidConfig
from coco_local.home import CocoHome


def test_the_environment_names_the_home(tmp_path: Path) -> None:
    assert CocoHome.find({"COCO_HOME": str(tmp_path / "h")}).root == tmp_path / "h"


def test_without_a_name_it_is_in_the_users_home() -> None:
    assert CocoHome.find({}).root == Path.home() / ".coco"
    assert CocoHome.find({"COCO_HOME": "  "}).root == Path.home() / ".coco"


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")
def test_it_belongs_to_its_owner_only_even_when_it_was_open(tmp_path: Path) -> None:
    home = CocoHome(tmp_path / "a" / "coco")
    home.ensure()
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
    home.root.chmod(0o755)
    home.ensure()
    assert stat.S_IMODE(home.root.stat().st_mode) == 0o700


def test_a_file_in_its_place_is_said(tmp_path: Path) -> None:
    (tmp_path / "coco").write_text("x", encoding="utf-8")
    with pytest.raises(InvalidConfig, match="cannot be used") as caught:
        CocoHome(tmp_path / "coco").ensure()
    assert "COCO_HOME" in str(caught.value.hint)
