from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import coco_core


def modules() -> list[ModuleType]:
    names = [each.name for each in pkgutil.walk_packages(coco_core.__path__, "coco_core.")]
    return [importlib.import_module(name) for name in names]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_all_is_sorted_and_complete(module: ModuleType) -> None:
    exported = module.__all__
    # As ruff sorts them: constants, classes, functions.
    assert sorted(exported) == sorted(set(exported))
    assert all(hasattr(module, name) for name in exported)
    own = {
        name
        for name, value in vars(module).items()
        if (inspect.isclass(value) or inspect.isfunction(value))
        and value.__module__ == module.__name__
        and not name.startswith("_")
    }
    assert own <= set(exported), f"not exported: {sorted(own - set(exported))}"
