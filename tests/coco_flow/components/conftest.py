from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from coco_flow import components as coco
from tests.component_parts import MemoryTarget


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[coco.Environment]:
    made = coco.Environment(coco.Settings(db_path=tmp_path / "state"))
    yield made
    made.close()


@pytest.fixture
def app(environment: coco.Environment) -> Callable[..., coco.App[Any, Any]]:
    """Make an app of a function and its arguments; it is called `app`."""
    return lambda main, *args: coco.App(coco.AppConfig("app", environment), main, *args)


@pytest.fixture
def restarted(tmp_path: Path) -> Iterator[Callable[..., coco.App[Any, Any]]]:
    """Make an app as a new process would: each one with an environment of its own."""
    made: list[coco.Environment] = []

    def make(main: Any, *args: Any, **settings: Any) -> coco.App[Any, Any]:
        for each in made:
            each.close()
        made.append(coco.Environment(coco.Settings(db_path=tmp_path / "state"), **settings))
        return coco.App(coco.AppConfig("app", made[-1]), main, *args)

    yield make
    for each in made:
        each.close()


@pytest.fixture
def target() -> MemoryTarget:
    return MemoryTarget()
