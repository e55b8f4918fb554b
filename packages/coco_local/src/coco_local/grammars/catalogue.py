"""Which published package holds the grammar of a language: ``catalogue.txt``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

__all__ = ["Published", "catalogue"]


@dataclass(frozen=True, slots=True)
class Published:
    """A grammar in a package, as it was when CoCo was made."""

    language: str
    package: str
    version: str
    member: str
    """The file inside of the package."""
    sha256: str
    """Of the file in this version."""


@cache
def catalogue() -> dict[str, Published]:
    """Return what is known to be published, by language."""
    path = resources.files("coco_local.grammars") / "catalogue.txt"
    rows = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
    entries = [Published(*row.split("|")) for row in rows if not row.startswith("#")]
    return {entry.language: entry for entry in entries}
