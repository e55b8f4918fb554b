"""Loads the Python file or module in which a user defines flows."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
from pathlib import Path
from types import ModuleType

from coco_flow.errors import FlowError

__all__ = ["AppNotLoaded", "load_user_app", "loaded_apps"]


class AppNotLoaded(FlowError):
    """The application could not be loaded."""

    code = "app_not_loaded"


_lock = threading.RLock()
_loaded: dict[str, ModuleType] = {}


def load_user_app(app_target: str) -> ModuleType:
    """Import a module by name, or by path if it ends in .py or contains a path separator.

    A path is loaded once; its folder is on the search path while it loads.

    Raises:
        AppNotLoaded: There is no such file or module, or it raises when it is imported (chained).
    """
    with _lock:
        if app_target in _loaded:
            return _loaded[app_target]
        is_path = app_target.endswith(".py") or any(
            separator in app_target for separator in (os.sep, os.altsep) if separator
        )
        module = _load_file(app_target) if is_path else _import_module(app_target)
        _loaded[app_target] = module
        return module


def loaded_apps() -> list[str]:
    """Return the applications loaded so far, for worker processes to load as well."""
    with _lock:
        return [str(Path(app).resolve()) if app.endswith(".py") else app for app in _loaded]


def _import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise AppNotLoaded(
                f"There is no module {name!r}.",
                hint="Give a path, such as ./main.py, or add its folder with --app-dir.",
            ) from error
        raise AppNotLoaded(f"Module {name!r} could not be imported: {error}.") from error
    except Exception as error:
        raise AppNotLoaded(f"Module {name!r} could not be imported: {error}.") from error


def _load_file(target: str) -> ModuleType:
    path = Path(target).resolve()
    if not path.is_file():
        raise AppNotLoaded(f"There is no file {target!r}.", hint="Check the path.")
    known = sys.modules.get(path.stem)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise AppNotLoaded(f"{target!r} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[path.stem]
        raise AppNotLoaded(f"{target!r} could not be loaded: {error!r}.") from error
    finally:
        sys.path.remove(str(path.parent))
    return module
