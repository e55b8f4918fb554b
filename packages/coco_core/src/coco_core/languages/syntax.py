"""Parse result: the records that chunking reads from every kind of parser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

__all__ = ["WHOLE", "Grammar", "Match", "Range", "Syntax"]

Range: TypeAlias = tuple[int, int]
"""Half-open, in bytes of the UTF-8 text."""

# Stands for the root, whose own range another node may have too.
WHOLE: Range = (-1, -1)


class Match(NamedTuple):
    """What a pattern with a ``@name`` found."""

    kind: str
    """The main capture's name, such as ``definition.function``."""
    start: int
    end: int
    name: Range
    scope: Range | None = None


@dataclass(frozen=True, slots=True)
class Syntax:
    """What the chunker needs of a parsed file, as UTF-8 byte ranges."""

    named: list[Match]
    """Matches of patterns with a name."""
    plain: dict[str, list[Range]]
    """Ranges of the other patterns' main captures (``body``, ``lead``, ``import``)."""
    parts: Callable[[int, int], list[Range]]
    """The direct parts of the ``@body`` with this exact range, or of the root for ``WHOLE``."""


class Grammar(Protocol):
    """Parses one language."""

    def parse(self, source: bytes) -> Syntax | None:
        """Parse UTF-8 text; ``None`` when it takes too long."""
        ...
