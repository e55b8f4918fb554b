"""Projects of a few texts for tests of code intelligence, without a disk and without an index."""

from __future__ import annotations

from collections.abc import Mapping

from coco_core.code import (
    Definition,
    Finder,
    Modules,
    Occurrence,
    Unit,
    Wanted,
    family_of,
    modules_of,
    parse_unit,
    read_name,
)

__all__ = ["Texts", "callers", "references"]


class Texts:
    """Files by path; `Sources` of a finder."""

    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = {path: text.encode() for path, text in files.items()}

    def unit(self, path: str) -> Unit | None:
        return parse_unit(path, self.files.get(path, b""))

    def holds(self, path: str, name: str) -> bool:
        return name.encode() in self.files.get(path, b"")

    def modules(self, language: str) -> Modules:
        return modules_of(family_of(language), self.files, lambda path: self.files.get(path, b""))

    def defined(self, name: str) -> list[Definition]:
        """Return what a name means: ``f``, ``C.m``, ``a.py:3`` or ``a.py:3:5``."""
        finder = Finder(Units(self))
        path = next((p for p in self.files if name.startswith(f"{p}:")), "")
        asked = read_name(name, path)
        if asked.line is not None:
            return finder.at(path, asked.line, asked.column)
        return [found for path in sorted(self.files) for found in finder.definitions(path, asked)]


class Units(Texts):
    """The same files, each parsed once: a tree's nodes are compared by identity."""

    def __init__(self, texts: Texts) -> None:
        self.files = texts.files
        self._units: dict[str, Unit | None] = {}

    def unit(self, path: str) -> Unit | None:
        if path not in self._units:
            self._units[path] = super().unit(path)
        return self._units[path]


def references(files: Mapping[str, str], name: str) -> list[str]:
    """Return ``path:line:column`` of each reference, with ``?`` where it is a guess."""
    return [
        f"{each.path}:{each.line}:{each.column}{'' if each.sure else '?'}"
        for each in _found(files, name)
    ]


def callers(files: Mapping[str, str], name: str) -> list[str]:
    """Return the definitions that call a name, with ``?`` where it is a guess."""
    return [
        f"{each.enclosing.symbol if each.enclosing else '-'}{'' if each.sure else '?'}"
        for each in _found(files, name)
        if each.role == "call"
    ]


def _found(files: Mapping[str, str], name: str) -> list[Occurrence]:
    texts = Texts(files)
    sources = Units(texts)
    finder = Finder(sources)
    path = next((p for p in files if name.startswith(f"{p}:")), "")
    asked = read_name(name, path)
    if asked.line is not None:
        targets = finder.at(path, asked.line, asked.column)
    else:
        targets = [t for p in sorted(files) for t in finder.definitions(p, asked)]
    if targets:
        wanted = Wanted(
            targets[0].entity.site.name, {each.entity.identity: each for each in targets}
        )
    else:
        wanted = Wanted(asked.last, outside=True)
    found: dict[tuple[str, int, int], Occurrence] = {}
    done: set[str] = set()
    while set(wanted.names) - done:
        done = set(wanted.names)
        for p in sorted(files):
            for each in finder.references(p, wanted):
                found[each.path, each.line, each.column] = each
    return [found[key] for key in sorted(found)]
