from __future__ import annotations

import inspect
from types import ModuleType

import pytest

import coco_core
from tests.exported_members import modules


@pytest.mark.parametrize("module", modules(coco_core), ids=lambda module: module.__name__)
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
