"""Modules of JavaScript and TypeScript: relative, by tsconfig, or packages of a workspace."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Collection, Sequence

from coco_core.code.modules import Read

__all__ = ["EcmaModules"]

_SUFFIXES = (
    ".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".d.ts", ".d.mts", ".d.cts",
)  # fmt: skip
# What is written as one file and compiled from another.
_COMPILED = {".js": (".ts", ".tsx"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
_ENTRIES = ("src/index", "index", "src/main", "lib/index", "src/lib/index")

_COMMENT = re.compile(r'"(?:[^"\\]|\\.)*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_TRAILING = re.compile(r",(\s*[}\]])")

# Configuration files that are looked at; a monorepo has some hundred packages.
_MOST_CONFIGS = 500


class EcmaModules:
    """Finds the file behind a module's name, as bundlers and TypeScript do."""

    def __init__(self, files: Collection[str], read: Read) -> None:
        self._files = frozenset(files)
        configs = [
            name
            for name in files
            if name.rpartition("/")[2] in {"package.json", "tsconfig.json", "jsconfig.json"}
        ]
        self.configs = tuple(sorted(configs, key=lambda name: (name.count("/"), name)))
        self.configs = self.configs[:_MOST_CONFIGS]
        self._packages: dict[str, tuple[str, list[str]]] = {}
        self._aliases: list[tuple[str, str, str, list[str]]] = []
        for name in self.configs:
            self._configure(name, read(name))

    def _configure(self, name: str, data: bytes) -> None:
        folder, _, base = name.rpartition("/")
        content = _relaxed_json(data)
        if base == "package.json":
            called = content.get("name")
            if isinstance(called, str):
                given = [content.get(key) for key in ("source", "types", "module", "main")]
                entries = [each for each in given if isinstance(each, str)]
                self._packages.setdefault(called, (folder, entries))
            return
        options = content.get("compilerOptions")
        if not isinstance(options, dict):
            return
        root = options.get("baseUrl")
        base_folder = _joined(folder, root) if isinstance(root, str) else folder
        paths = options.get("paths")
        for pattern, targets in paths.items() if isinstance(paths, dict) else ():
            if isinstance(targets, list):
                before, _, after = pattern.partition("*")
                places = [_joined(base_folder, each) for each in targets if isinstance(each, str)]
                self._aliases.append((folder, before, after if "*" in pattern else "\0", places))
        if isinstance(root, str):
            self._aliases.append((folder, "", "", [f"{base_folder}/*" if base_folder else "*"]))

    def find(self, path: str, module: str) -> str | None:
        """Return the file of a module as ``import`` names it."""
        module = module.partition("?")[0]
        folder = path.rpartition("/")[0]
        if module.startswith("."):
            return self._file(_joined(folder, module))
        for owner, before, after, places in self._aliases:
            if owner and not path.startswith(f"{owner}/"):
                continue
            if after == "\0":
                taken = "" if module == before else None
            elif module.startswith(before) and module.endswith(after):
                taken = module[len(before) : len(module) - len(after)]
            else:
                taken = None
            if taken is None:
                continue
            for place in places:
                found = self._file(posixpath.normpath(place.replace("*", taken)))
                if found is not None:
                    return found
        return self._package(module)

    def below(self, module: str, name: str) -> str | None:
        """Return nothing: no module is a part of another."""
        del module, name
        return None

    def package(self, path: str) -> Sequence[str]:
        """Return none: every file imports what it uses."""
        del path
        return ()

    def inside(self, module: str) -> Sequence[str]:
        """Return none: a directory is known by its index file."""
        del module
        return ()

    def _package(self, module: str) -> str | None:
        parts = module.split("/")
        count = 2 if module.startswith("@") else 1
        known = self._packages.get("/".join(parts[:count]))
        if known is None:
            return None
        folder, entries = known
        rest = "/".join(parts[count:])
        if rest:
            return self._file(_joined(folder, rest)) or self._file(_joined(folder, f"src/{rest}"))
        for entry in (*_ENTRIES, *entries):
            found = self._file(_joined(folder, entry))
            if found is not None:
                return found
        return None

    def _file(self, place: str) -> str | None:
        stem, suffix = posixpath.splitext(place)
        for other in _COMPILED.get(suffix, ()):
            if stem + other in self._files:
                return stem + other
        if place in self._files and suffix in _SUFFIXES:
            return place
        for ending in _SUFFIXES:
            if place + ending in self._files:
                return place + ending
        for ending in _SUFFIXES:
            index = f"{place}/index{ending}" if place not in {"", "."} else f"index{ending}"
            if index in self._files:
                return index
        return None


def _joined(folder: str, path: str) -> str:
    joined = posixpath.normpath(posixpath.join(folder, path))
    return "" if joined == "." else joined


def _relaxed_json(data: bytes) -> dict[str, object]:
    """Read JSON with comments and trailing commas; anything else is empty."""
    text = data.decode("utf-8", "replace").removeprefix("\ufeff")
    plain = _COMMENT.sub(lambda found: found[0] if found[0][0] == '"' else "", text)
    try:
        content = json.loads(_TRAILING.sub(r"\1", plain))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
