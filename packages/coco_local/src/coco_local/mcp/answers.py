"""What the tools found, before it is turned into text."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SymbolLine"]


@dataclass(frozen=True, slots=True)
class SymbolLine:
    """A definition or heading."""

    symbol: str
    kind: str
    line: int
    end_line: int
    signature: str = ""
