"""Each module exports exactly what it defines in public."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import coco_server.rpc
import coco_worker

NAMES = [
    found.name
    for package in (coco_worker, coco_server.rpc)
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if not found.name.endswith("__main__")
]


def defined(module: ModuleType) -> set[str]:
    """Return the public names that a module defines and does not import."""
    source = inspect.getsource(module)
    names = set()
    for name, value in vars(module).items():
        if name.startswith("_") or isinstance(value, ModuleType):
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            if value.__module__ == module.__name__:
                names.add(name)
        elif f"\n{name} = " in source or f"\n{name}: " in source:
            names.add(name)
    # A module's logger is its own.
    return names - {"log"}


@pytest.mark.parametrize("name", NAMES)
def test_exported_members(name: str) -> None:
    module = importlib.import_module(name)
    assert set(module.__all__) == defined(module)
