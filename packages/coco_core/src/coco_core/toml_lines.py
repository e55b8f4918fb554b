"""On which lines of a TOML file its tables and keys stand, for messages that name them."""

from __future__ import annotations

import tomllib
from pathlib import Path

__all__ = ["TomlLines"]


class TomlLines:
    """The lines of one file."""

    def __init__(self, path: Path, text: str) -> None:
        """Find the keys of ``text``, the content of ``path``."""
        self.path = path
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            stripped = line.strip()
            if stripped.startswith("["):
                table = _keys(stripped)
                self._note(table, number)
            elif "=" in stripped:
                self._note((*table, *_keys(f"{stripped.partition('=')[0]} = 0")), number)

    def origin(self, *keys: str) -> str:
        """Return ``FILE:LINE`` of a key, or of the nearest table around it."""
        for length in range(len(keys), 0, -1):
            line = self._lines.get(keys[:length])
            if line is not None:
                return f"{self.path}:{line}"
        return str(self.path)

    def _note(self, keys: tuple[str, ...], number: int) -> None:
        for length in range(1, len(keys) + 1):
            self._lines.setdefault(keys[:length], number)


def _keys(statement: str) -> tuple[str, ...]:
    """Return the dotted key of one line; nothing for a line within a longer value."""
    try:
        found: object = tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(found, dict) and len(found) == 1:
        [(key, found)] = found.items()
        keys.append(key)
    return tuple(keys)
