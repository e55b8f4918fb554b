"""Migration plan: what `coco-server migrate` would do to a database, with its locks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from alembic.script import ScriptDirectory

from coco_server.store.migrate import current_revision, script_config
from coco_server.store.preflight import connect

__all__ = ["Effect", "PendingMigration", "contracting", "effects", "pending"]

Lock = Literal["none", "writes wait", "reads and writes wait"]


@dataclass(frozen=True, slots=True)
class Effect:
    """What a statement of a migration does to a table that has rows."""

    table: str
    lock: Lock
    """Until the migration's transaction ends; it asks for two seconds and tries again."""
    reads_rows: bool
    """Takes the longer, the more rows there are; all else takes milliseconds."""


@dataclass(frozen=True, slots=True)
class PendingMigration:
    """A migration that a database does not have yet."""

    revision: str
    title: str
    contracts: bool
    """Takes something away: programs of the version before cannot serve on it."""
    effects: list[Effect]


_EFFECTS: tuple[tuple[str, Lock, bool], ...] = (
    (r"ALTER\s+TABLE\s+(?:ONLY\s+)?(\w+)", "reads and writes wait", False),
    (r"CREATE\s+(?:UNIQUE\s+)?INDEX\s+\w+\s+ON\s+(\w+)", "writes wait", True),
    (r"\bUPDATE\s+(\w+)\s+SET", "none", True),
    (r"INSERT\s+INTO\s+\w+[^;]*?\bFROM\s+(\w+)", "none", True),
)

# What a program of the version before may still use. ``SET NOT NULL`` and a required column without
# a default fail its inserts.
_CONTRACTING = re.compile(
    r"\bDROP\s+(?:TABLE|COLUMN|VIEW|TYPE)\b"
    r"|\bRENAME\s+(?:TO|COLUMN)\b|\bSET\s+NOT\s+NULL\b|\bALTER\s+(?:COLUMN\s+)?\w+\s+TYPE\b"
    r"|\bADD\s+COLUMN\s+(?=[^,;]*\bNOT\s+NULL\b)(?![^,;]*\b(?:DEFAULT|GENERATED)\b)",
    re.IGNORECASE,
)


def pending(url: str) -> list[PendingMigration]:
    """Return the migrations that `migrate` would run, in their order.

    Raises:
        Unavailable: the database cannot be reached.
    """
    scripts = ScriptDirectory.from_config(script_config())
    with connect(url) as connection:
        found = current_revision(connection)
    known = {each.revision for each in scripts.walk_revisions()}
    if found is not None and found not in known:
        return []
    steps = []
    for script in scripts.iterate_revisions("head", found or "base"):
        statements = Path(script.path).with_suffix(".sql").read_text(encoding="utf-8")
        steps.append(
            PendingMigration(
                script.revision,
                (script.doc or "").partition("\n")[0],
                bool(contracting(statements)),
                list(effects(statements)),
            )
        )
    return steps[::-1]


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


def _plain(statements: str) -> str:
    """Return statements without comments and without the bodies of functions."""
    without = re.sub(r"--[^\n]*", "", statements)
    return re.sub(r"\$\$.*?\$\$", "''", without, flags=re.DOTALL)
