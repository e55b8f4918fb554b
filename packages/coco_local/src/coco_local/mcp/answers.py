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


@dataclass(frozen=True, slots=True)
class SymbolLine:
    """A definition or heading."""

    symbol: str
    kind: str
    line: int
    end_line: int
    signature: str = ""
