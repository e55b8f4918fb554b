"""Loads the Python file or module in which a user defines flows or apps."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
import threading
from importlib.machinery import PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

from coco_core.errors import CocoError
from coco_flow.errors import FlowError

__all__ = ["AppNotLoaded", "load_user_app", "loaded_apps"]


class AppNotLoaded(FlowError):
    """The application could not be loaded."""

    code = "app_not_loaded"


_lock = threading.RLock()
_loaded: dict[str, ModuleType] = {}


def load_user_app(app_target: str) -> ModuleType:
    """Import a module by name, or by path if it ends in .py or contains a path separator.

    A path is loaded once. Its folder comes first on the search path while it loads, and last from
    then on: functions of the application may import modules next to it when they run.

    Raises:
        AppNotLoaded: There is no such file or module, or it raises when it is imported (chained).
    """
    with _lock:
        is_path = app_target.endswith(".py") or any(
            separator in app_target for separator in (os.sep, os.altsep) if separator
        )
        known = str(Path(app_target).resolve()) if is_path else app_target
        if known not in _loaded:
            _loaded[known] = _load_file(app_target) if is_path else _import_module(app_target)
        return _loaded[known]


def loaded_apps() -> list[str]:
    """Return the applications loaded so far, for worker processes to load as well."""
    with _lock:
        return list(_loaded)


def _import_module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(f"{error.name}.")):
            raise AppNotLoaded(
                f"There is no module {name!r}.", hint=_hint_for_name(name)
            ) from error
        raise _failed(f"Module {name!r}", error) from error
    except (Exception, SystemExit) as error:
        raise _failed(f"Module {name!r}", error) from error


def _hint_for_name(name: str) -> str:
    if Path(f"{name}.py").is_file():
        return f"Give the file: {name}.py"
    return "Give a path, such as ./main.py, or add the module's folder with --app-dir."


def _load_file(target: str) -> ModuleType:
    path = Path(target).resolve()
    if path.is_dir():
        inside = sorted(file.name for file in path.glob("*.py"))
        hint = f"It has: {', '.join(inside)}" if inside else "It has no Python file."
        raise AppNotLoaded(f"{target!r} is a folder.", hint=hint)
    if not path.is_file():
        near = path.with_name(f"{path.name}.py")
        hint = f"Did you mean {near.name}?" if near.is_file() else "Check the path."
        raise AppNotLoaded(f"There is no file {target!r}.", hint=hint)
    name = _module_name(path)
    known = sys.modules.get(name)
    if known is not None and getattr(known, "__file__", None) == str(path):
        return known
    if path.suffix != ".py":
        raise AppNotLoaded(f"{target!r} is not a Python file.", hint="Its name must end in .py.")
    loader = _FileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    folder = str(path.parent)
    sys.path.insert(0, folder)
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        sys.modules.pop(name, None)
        raise _failed(repr(target), error, path) from error
    finally:
        sys.path.remove(folder)
    if folder not in sys.path:
        sys.path.append(folder)
    return module


class _FileLoader(SourceFileLoader):
    """Compiles a file as it is now, and leaves no bytecode in the user's folder.

    Python takes cached bytecode for current while size and second of the file are the same, so that
    an edit of a number right after a run would not be seen.
    """

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source."""
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


def _module_name(path: Path) -> str:
    """Return the file's name, or a unique one where another module has that name.

    A worker process finds the same name, because it has the same search path.
    """
    stem = path.stem
    elsewhere = [entry for entry in sys.path if Path(entry or ".").resolve() != path.parent]
    taken = stem in sys.stdlib_module_names or PathFinder.find_spec(stem, elsewhere) is not None
    if not taken:
        return stem
    return f"{stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"


def _failed(what: str, error: BaseException, path: Path | None = None) -> AppNotLoaded:
    if isinstance(error, CocoError):
        return AppNotLoaded(f"{what} could not be loaded: {error.message}", hint=error.hint)
    if isinstance(error, SystemExit):
        return AppNotLoaded(
            f"{what} ended the program while it was loaded: sys.exit({error.code!r}).",
            hint='Let it do so only under `if __name__ == "__main__":`.',
        )
    hint = None
    if isinstance(error, ModuleNotFoundError):
        hint = f"Install what {error.name!r} belongs to, or add its folder with --app-dir."
    elif isinstance(error, ImportError) and "relative import" in str(error) and path is not None:
        hint = f"It is part of a package: give it as a module, such as {_as_module(path)}"
    return AppNotLoaded(f"{what} could not be loaded: {type(error).__name__}: {error}", hint=hint)


def _as_module(path: Path) -> str:
    parts = [path.stem]
    folder = path.parent
    while (folder / "__init__.py").is_file():
        parts.insert(0, folder.name)
        folder = folder.parent
    if len(parts) == 1:
        parts.insert(0, path.parent.name)
    return ".".join(parts)
