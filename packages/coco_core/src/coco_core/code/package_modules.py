"""Modules of Go, Java and Rust by simple rules; others know only files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Sequence

from coco_core.code.modules import Read

__all__ = ["GoModules", "JavaModules", "NoModules", "RustModules"]

_CRATE = re.compile(r'^\s*name\s*=\s*"([^"]+)"', re.MULTILINE)


class NoModules:
    """A language whose imports are not followed."""

    configs: tuple[str, ...] = ()

    def __init__(self, files: Collection[str], read: Read) -> None:
        del read
        self._folders: dict[str, list[str]] = defaultdict(list)
        for name in sorted(files):
            folder, _, base = name.rpartition("/")
            if base.endswith(self.suffix):
                self._folders[f"{folder}/" if folder else ""].append(name)

    suffix = "\0"
    """How the files of the language end."""

    def find(self, path: str, module: str) -> str | None:
        """Return nothing."""
        del path, module
        return None

    def below(self, module: str, name: str) -> str | None:
        """Return nothing."""
        del module, name
        return None

    def package(self, path: str) -> Sequence[str]:
        """Return the files that see each other's names without an import."""
        del path
        return ()

    def inside(self, module: str) -> Sequence[str]:
        """Return the files of a directory."""
        return self._folders.get(module if module != "./" else "", ())


class GoModules(NoModules):
    """A package is a directory, named by the end of its import path."""

    suffix = ".go"

    def find(self, path: str, module: str) -> str | None:
        """Return the directory whose path the import ends in; the longest wins."""
        del path
        parts = module.split("/")
        for start in range(len(parts)):
            folder = "/".join(parts[start:]) + "/"
            if folder in self._folders:
                return folder
        # The package at the root of the module has the repository's name.
        if len(parts) == 3 and "." in parts[0] and "" in self._folders:
            return "./"
        return None

    def package(self, path: str) -> Sequence[str]:
        """Return the files of the same directory."""
        return self.inside(path[: len(path) - len(path.rpartition("/")[2])])


class JavaModules(NoModules):
    """A class is a file at the end of its package's path."""

    suffix = ".java"

    def __init__(self, files: Collection[str], read: Read) -> None:
        super().__init__(files, read)
        self._files: dict[str, list[str]] = defaultdict(list)
        for name in files:
            if name.endswith((".java", ".kt")):
                self._files[name.rpartition("/")[2].rpartition(".")[0]].append(name)

    def find(self, path: str, module: str) -> str | None:
        """Return the file of ``a.b.C``, or the directory of ``a.b``."""
        del path
        parts = module.split(".")
        wanted = "/".join(parts)
        for name in self._files.get(parts[-1], ()):
            if name.rpartition(".")[0].endswith(wanted):
                return name
        for folder in self._folders:
            if folder.endswith(f"{wanted}/"):
                return folder
        # A class inside of a class stands in the file of the outer one.
        return self.find("", ".".join(parts[:-1])) if len(parts) > 2 else None

    def package(self, path: str) -> Sequence[str]:
        """Return the files of the same directory."""
        return self.inside(path[: len(path) - len(path.rpartition("/")[2])])


class RustModules(NoModules):
    """Modules are files below a crate's ``src``; crates of a workspace have names."""

    suffix = ".rs"

    def __init__(self, files: Collection[str], read: Read) -> None:
        super().__init__(files, read)
        self._files = frozenset(name for name in files if name.endswith(".rs"))
        self.configs = tuple(sorted(n for n in files if n.rpartition("/")[2] == "Cargo.toml"))
        self._crates: dict[str, str] = {}
        for config in self.configs:
            named = _CRATE.search(read(config).decode("utf-8", "replace"))
            if named is not None:
                self._crates[named[1].replace("-", "_")] = config.removesuffix("Cargo.toml")

    def find(self, path: str, module: str) -> str | None:
        """Return the file of ``crate::a::b``; what follows the last file is left to the names."""
        parts = [part for part in module.split("::") if part]
        if not parts:
            return None
        here = self._module_folder(path)
        if parts[0] == "crate" or parts[0] in self._crates:
            base = (
                self._crate_source(path) if parts[0] == "crate" else f"{self._crates[parts[0]]}src/"
            )
            return self._below(base, parts[1:]) if parts[1:] else self._root_file(base)
        if parts == ["self"]:
            return path
        base = here
        while parts and parts[0] in {"self", "super"}:
            if parts[0] == "super":
                base = base.rstrip("/").rpartition("/")[0] + "/" if "/" in base.rstrip("/") else ""
            parts = parts[1:]
        return self._below(base, parts) if parts else self._file_of_folder(base)

    def _below(self, base: str, parts: Sequence[str]) -> str | None:
        """Return the file of the longest beginning of a path that is one."""
        for count in range(len(parts), 0, -1):
            place = base + "/".join(parts[:count])
            for found in (f"{place}.rs", f"{place}/mod.rs"):
                if found in self._files:
                    return found
        return None

    def _module_folder(self, path: str) -> str:
        folder, _, base = path.rpartition("/")
        folder = f"{folder}/" if folder else ""
        stem = base.removesuffix(".rs")
        return folder if stem in {"mod", "lib", "main"} else f"{folder}{stem}/"

    def _file_of_folder(self, folder: str) -> str | None:
        plain = folder.rstrip("/")
        for found in (f"{plain}.rs", f"{folder}mod.rs", f"{folder}lib.rs", f"{folder}main.rs"):
            if found in self._files:
                return found
        return None

    def _crate_source(self, path: str) -> str:
        folder = path.rpartition("/")[0]
        while folder:
            if self._root_file(f"{folder}/") is not None:
                return f"{folder}/"
            folder = folder.rpartition("/")[0]
        return ""

    def _root_file(self, base: str) -> str | None:
        for name in ("lib.rs", "main.rs"):
            if base + name in self._files:
                return base + name
        return None
