"""What the statements of a migration do to tables that were there before: locks, and what goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["Effect", "contracting", "effects", "locked_tables"]

Lock = Literal["none", "writes wait", "reads and writes wait"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement of a migration does to a table that has rows."""

    table: str
    lock: Lock
    """Until the migration's transaction ends."""
    reads_rows: bool
    """Takes the longer, the more rows there are; all else takes milliseconds."""


_EFFECTS: tuple[tuple[str, Lock, bool], ...] = (
    (r"ALTER\s+TABLE\s+(?:ONLY\s+)?(\w+)", "reads and writes wait", False),
    (r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+\w+\s+ON\s+(\w+)", "writes wait", True),
    (r"REFERENCES\s+(\w+)", "writes wait", False),
    (r"\bUPDATE\s+(\w+)\s+SET", "none", True),
    (r"INSERT\s+INTO\s+\w+[^;]*?\bFROM\s+(\w+)", "none", True),
)

# What a program of the version before may still use. ``SET NOT NULL`` and a required column without
# a default fail its inserts.
_CONTRACTING = re.compile(
    r"\bDROP\s+(?:TABLE|COLUMN|VIEW|TYPE)\b"
    r"|\bALTER\s+TABLE\b[^;]*\bRENAME\b|\bSET\s+NOT\s+NULL\b|\bALTER\s+(?:COLUMN\s+)?\w+\s+TYPE\b"
    r"|\bADD\s+COLUMN\s+(?=[^,;]*\bNOT\s+NULL\b)(?![^,;]*\b(?:DEFAULT|GENERATED)\b)",
    re.IGNORECASE,
)


def contracting(statements: str) -> list[str]:
    """Return the parts of a migration that take something away from older programs.

    What stands in functions is no part of the schema that they see.
    """
    return [found.group(0) for found in _CONTRACTING.finditer(_plain(statements))]


def effects(statements: str) -> Iterator[Effect]:
    """Yield what a migration does to tables that were there before it."""
    text = _plain(statements)
    made = set(re.findall(r"CREATE\s+(?:UNLOGGED\s+)?TABLE\s+(\w+)", text, re.IGNORECASE))
    seen = set()
    for pattern, lock, reads in _EFFECTS:
        for found in re.finditer(pattern, text, re.IGNORECASE):
            effect = Effect(found.group(1), lock, reads)
            if effect.table not in made and effect not in seen:
                seen.add(effect)
                yield effect


def locked_tables(statements: str) -> list[str]:
    """Return the tables that a migration locks against anything, by name."""
    return sorted({each.table for each in effects(statements) if each.lock != "none"})


def _plain(statements: str) -> str:
    """Return statements without comments and without the bodies of functions."""
    without = re.sub(r"--[^\n]*", "", statements)
    return re.sub(r"\$\$.*?\$\$", "''", without, flags=re.DOTALL)
