"""Each module exports exactly what it defines in public."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import coco_protocol

MODULES = [
    importlib.import_module(found.name)
    for found in pkgutil.walk_packages(coco_protocol.__path__, "coco_protocol.")
    # The gRPC stubs are generated.
    if not found.name.startswith("coco_protocol.rpc")
]


def defined(module: ModuleType) -> set[str]:
    """Return the public names that a module defines and does not import."""
    source = inspect.getsource(module)
    names = set()
    for name, value in vars(module).items():
        # Pydantic adds the parametrized generics, such as "Envelope[QueryData]".
        if name.startswith("_") or not name.isidentifier() or isinstance(value, ModuleType):
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            if value.__module__ == module.__name__:
                names.add(name)
        elif f"\n{name} = " in source or f"\n{name}: " in source:
            names.add(name)
    return names - {"D"}  # a type variable


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_exported_members(module: ModuleType) -> None:
    assert set(module.__all__) == defined(module)


def test_the_package_exports_what_a_handshake_needs() -> None:
    assert coco_protocol.__all__ == ["API_VERSION", "SIGNATURE"]
