"""What the modules of a package define in public, which is what each has to export."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

__all__ = ["defined", "modules"]


def modules(package: ModuleType) -> list[ModuleType]:
    """Return the modules of a package that are written by hand and may be imported."""
    names = [each.name for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")]
    kept = [name for name in names if not name.endswith(("__main__", "_pb2", "_pb2_grpc"))]
    return [importlib.import_module(name) for name in kept]


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
    # A type variable and a module's logger are its own.
    return names - {"D", "log"}
