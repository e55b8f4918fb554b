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
    only_text: dict[str, str] = field(default_factory=dict)
    """Path to reason, for files that are not indexed and that a text search looks into."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many entries were left out, by reason; an ignored directory counts once."""
