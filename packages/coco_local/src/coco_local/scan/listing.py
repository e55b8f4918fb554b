"""Result of a directory scan."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["FileStat", "Listing"]


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
    repositories: list[str] = field(default_factory=list)
    """Directories that were left out as repositories of their own, without a final slash."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many entries were left out, by reason; an ignored directory counts once."""
