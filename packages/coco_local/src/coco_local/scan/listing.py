"""Result of a directory scan."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from coco_local.scan.entry import printable
from coco_local.scan.reasons import NOTEWORTHY, SEARCHED_AS_TEXT, Reason

__all__ = ["FileStat", "Listing", "pass_by"]


@dataclass(frozen=True, slots=True)
class FileStat:
    """A file that belongs into the index."""

    doc_id: str
    """Path relative to the project's root, with ``/``; always valid Unicode."""
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class Listing:
    """All files of a project, and what was left out."""

    files: dict[str, FileStat] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    """Path to reason, for what a user may not expect; a directory ends with ``/``."""
    only_text: dict[str, str] = field(default_factory=dict)
    """Path to reason, for files that are not indexed and that a text search looks into."""
    repositories: list[str] = field(default_factory=list)
    """Directories that were left out as repositories of their own, without a final slash."""
    counts: Counter[str] = field(default_factory=Counter)
    """How many entries were left out, by reason; an ignored directory counts once."""

    def leave_out(self, doc: str, reason: str) -> None:
        """Note a path that is not indexed; one of a directory ends with a slash."""
        self.counts[reason] += 1
        if reason in NOTEWORTHY:
            self.skipped[printable(doc)] = reason
        if reason in SEARCHED_AS_TEXT:
            self.only_text[doc] = reason
        if reason == Reason.REPOSITORY:
            self.repositories.append(doc.removesuffix("/"))


def pass_by(_: Path) -> None:
    """Do nothing with a directory that a walk comes to."""
