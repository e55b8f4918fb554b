"""What the tools found, before it is turned into text."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SearchHit", "SymbolLine"]


@dataclass(frozen=True, slots=True)
class SearchHit:
    """One place in the project."""

    path: str
    start_line: int | None
    end_line: int | None
    symbol: str
    content: str
    """The lines that answer; `…40` stands where lines are left out and line 40 follows."""
    within: str = ""
    """Lines and head of the definition in whose middle the first line lies."""


@dataclass(frozen=True, slots=True)
class SymbolLine:
    """A definition or heading."""

    symbol: str
    kind: str
    line: int
    end_line: int
    signature: str = ""
