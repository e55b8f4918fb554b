from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[coco.Environment]:
    made = coco.Environment(coco.Settings(db_path=tmp_path / "state"))
    yield made
    made.close()


@pytest.fixture
def app(environment: coco.Environment) -> Callable[[Any], coco.App[Any, Any]]:
    """Make an app of a function; it is called `app`."""
    return lambda main: coco.App(coco.AppConfig("app", environment), main)
