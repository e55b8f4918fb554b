"""Each module of the libraries exports what it defines in public."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import coco_core
import coco_experiments
import coco_protocol
import coco_server.rpc
import coco_worker

# Their public door is the whole of what they define; the others also pass on what they import.
CLOSED = (coco_protocol, coco_worker, coco_server.rpc)
OPEN = (coco_core, coco_experiments)


def names(packages: tuple[ModuleType, ...]) -> list[str]:
    found = [
        each.name
        for package in packages
        for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    # The gRPC stubs are generated.
    return [
        name for name in found if not name.endswith("__main__") and "coco_protocol.rpc" not in name
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
    # Type variables and a module's logger are its own.
    return {name for name in names if len(name) > 1} - {"log"}


@pytest.mark.parametrize("name", names(CLOSED))
def test_exported_members(name: str) -> None:
    module = importlib.import_module(name)
    assert set(module.__all__) == defined(module)


@pytest.mark.parametrize("name", names(OPEN))
def test_all_is_without_repetition_and_complete(name: str) -> None:
    module = importlib.import_module(name)
    assert len(module.__all__) == len(set(module.__all__))
    assert all(hasattr(module, each) for each in module.__all__)
    own = {each for each in defined(module) if _is_code(getattr(module, each))}
    assert own <= set(module.__all__)


def _is_code(value: object) -> bool:
    return inspect.isclass(value) or inspect.isfunction(value)


def test_the_wire_exports_what_a_handshake_needs() -> None:
    assert coco_protocol.__all__ == ["API_VERSION", "SIGNATURE"]
