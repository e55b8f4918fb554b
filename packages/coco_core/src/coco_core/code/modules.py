"""Modules: which file of a project an import names, by the rules of its language."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from typing import Protocol, TypeAlias

__all__ = ["Modules", "PythonModules", "Read"]

Read: TypeAlias = Callable[[str], bytes]
"""Returns the bytes of a file; none when it is gone."""


class Modules(Protocol):
    """Finds the file that an import means."""

    configs: tuple[str, ...]
    """Files whose content decides, too."""

    def find(self, path: str, module: str) -> str | None:
        """Return the file (or the directory, with ``/``) that ``module`` names in file ``path``."""
        ...

    def below(self, module: str, name: str) -> str | None:
        """Return the module ``name`` inside of the package or directory ``module``."""
        ...

    def package(self, path: str) -> Sequence[str]:
        """Return the files that see each other's names without an import."""
        ...

    def inside(self, module: str) -> Sequence[str]:
        """Return the files that make up a directory as one module."""
        ...


_PYTHON_SUFFIXES = (".py", ".pyi", ".pyx")
_PACKAGE = ("/__init__.py", "/__init__.pyi")


class PythonModules:
    """Python's modules: packages, single files, and directories without ``__init__``."""

    def __init__(self, files: Collection[str], read: Read) -> None:
        del read
        self.configs: tuple[str, ...] = ()
        python = {name for name in files if name.endswith(_PYTHON_SUFFIXES)}
        self._files = python
        self._packages = {name.rpartition("/")[0] for name in python if name.endswith(_PACKAGE)}
        self._directories: set[str] = set()
        for name in python:
            folder = name.rpartition("/")[0]
            while folder and folder not in self._directories:
                self._directories.add(folder)
                folder = folder.rpartition("/")[0]
        # By the first part of a module's path the directories from which it can be imported.
        self._roots: dict[str, list[str]] = defaultdict(list)
        for name in python:
            folder, _, base = name.rpartition("/")
            if folder not in self._packages:
                self._roots[base.partition(".")[0]].append(folder)
        for package in self._packages:
            folder, _, base = package.rpartition("/")
            if folder not in self._packages:
                self._roots[base].append(folder)
        for roots in self._roots.values():
            roots.sort(key=lambda folder: (folder.count("/"), folder))

    def find(self, path: str, module: str) -> str | None:
        """Return the file of a module; relative ones begin with dots."""
        folder = path.rpartition("/")[0]
        names = module.lstrip(".")
        dots = len(module) - len(names)
        parts = [part.strip() for part in names.split(".")] if names else []
        if dots:
            for _ in range(dots - 1):
                folder = folder.rpartition("/")[0]
            return self._at(folder, parts)
        top = parts[0]
        own = self._own_root(folder)
        roots = [own, *(root for root in self._roots.get(top, ()) if root != own)]
        if top in sys.stdlib_module_names:
            # A project's own `json` is seen only by what stands next to it.
            roots = [own]
        for root in roots:
            found = self._at(root, parts)
            # A directory without any file of the name is a package only where nothing else is.
            if found is not None and (not found.endswith("/") or root == own or len(parts) > 1):
                return found
        if top in sys.stdlib_module_names:
            return None
        for root in ("", "src", "lib"):
            found = self._at(root, parts)
            if found is not None:
                return found
        return None

    def below(self, module: str, name: str) -> str | None:
        """Return a module of a package."""
        folder, _, base = module.rpartition("/")
        return self._at(folder, [name]) if not base or base.startswith("__init__.") else None

    def package(self, path: str) -> Sequence[str]:
        """Return none: every file imports what it uses."""
        del path
        return ()

    def inside(self, module: str) -> Sequence[str]:
        """Return none: a directory without ``__init__`` has no names but its modules."""
        del module
        return ()

    def _own_root(self, folder: str) -> str:
        while folder in self._packages:
            folder = folder.rpartition("/")[0]
        return folder

    def _at(self, folder: str, parts: list[str]) -> str | None:
        place = "/".join([folder, *parts] if folder else parts)
        for suffix in _PACKAGE:
            if place + suffix in self._files:
                return place + suffix
        for suffix in _PYTHON_SUFFIXES:
            if parts and place + suffix in self._files:
                return place + suffix
        if not place and "__init__.py" in self._files:
            return "__init__.py"
        return place + "/" if place in self._directories else None
