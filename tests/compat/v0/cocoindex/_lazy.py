"""How the modules of this package find their names in coco_flow, when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any


def names_of(*homes: str, **renamed: str) -> Callable[[str], Any]:
    """Return a module's `__getattr__` that looks a name up in the modules `homes`, in order.

    `renamed` maps a name here to `module:name` there.
    """

    def find(name: str) -> Any:
        if name in renamed:
            module, there = renamed[name].split(":")
            return getattr(importlib.import_module(module), there)
        if not name.startswith("__"):
            for home in homes:
                module_there = _imported(home)
                if module_there is not None and hasattr(module_there, name):
                    return getattr(module_there, name)
        raise AttributeError(f"coco_flow has no {name!r} in {', '.join(homes)}")

    return find


def _imported(home: str) -> ModuleType | None:
    """Import a module; None if coco_flow has no such module."""
    try:
        return importlib.import_module(home)
    except ModuleNotFoundError as error:
        if error.name is not None and home.startswith(error.name):
            return None
        raise
