"""Name of what is asked about: ``f``, ``Class.method``, ``module.f``, ``path.py:12``."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["NamePath", "module_parts", "read_name"]

_LINE = re.compile(r"(?P<path>.+?):(?P<line>\d+)(?::(?P<column>\d+))?$")
_SEPARATORS = re.compile(r"::|->|[.#/\\]")


@dataclass(frozen=True, slots=True)
class NamePath:
    """A name with what was written before it."""

    text: str
    """As it was given."""
    last: str
    """The identifier itself; empty for a line."""
    qualifiers: tuple[str, ...] = ()
    path: str = ""
    """The file that it must stand in; empty for any."""
    line: int | None = None
    column: int | None = None

    def fits(self, path: str, symbol: str) -> bool:
        """Whether a definition of ``symbol`` in file ``path`` is meant."""
        if self.path and path != self.path:
            return False
        if not self.qualifiers:
            return True
        parts = [*module_parts(path), *_SEPARATORS.split(symbol)][:-1]
        return parts[len(parts) - len(self.qualifiers) :] == list(self.qualifiers)


def read_name(text: str, path: str = "") -> NamePath:
    """Read what a user names; a file in front of a colon is ``path``, found by the caller."""
    rest = text.strip()
    if path:
        rest = rest[len(path) + 1 :]
        found = re.fullmatch(r"(\d+)(?::(\d+))?", rest)
        if found is not None:
            column = int(found[2]) if found[2] else None
            return NamePath(text, "", path=path, line=int(found[1]), column=column)
    rest = rest.removesuffix("()")
    parts = [part for part in _SEPARATORS.split(rest) if part]
    if not parts:
        return NamePath(text, rest, path=path)
    return NamePath(text, parts[-1], tuple(parts[:-1]), path)


def module_parts(path: str) -> list[str]:
    """Return the parts of the module that a file is: ``a/b/__init__.py`` is ``a.b``."""
    stem = path.rpartition(".")[0] or path
    for name in ("/__init__", "/index", "/mod"):
        stem = stem.removesuffix(name)
    return stem.split("/")
