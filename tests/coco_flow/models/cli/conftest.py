"""A folder with two applications of table models and a database with documents."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.coco_flow.models.cli.program import make_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_folder(tmp_path)
