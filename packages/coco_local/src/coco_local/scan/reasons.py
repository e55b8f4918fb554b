"""Reasons why a path is, or is not, indexed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["NOTEWORTHY", "SEARCHED_AS_TEXT", "Decision", "Reason"]


class Reason(StrEnum):
    """The one reason that decided; the text is what a user reads."""

    INDEXED = "indexed"
    IGNORED = "ignored by a rule"
    BINARY = "binary"
    TOO_LARGE = "larger than the limit"
    MINIFIED = "minified or generated for machines"
    LOCK = "lock file of a package manager"
    SECRET = "may hold a secret"  # noqa: S105 - a reason, not a password
    LINK_OUT = "symlink that leaves the project"
    LINK_IN = "symlink inside the project, its target is indexed instead"
    GIT = "git's own data"
    REPOSITORY = "repository of its own inside the project"
    HOME = "CoCo's own data"
    ENVIRONMENT = "virtual environment"
    SPECIAL = "neither a file nor a directory"
    DIRECTORY = "directory, its files are decided one by one"
    UNREADABLE = "cannot be read"
    NAME = "name is not valid UTF-8"
    MISSING = "does not exist"
    OUTSIDE = "outside the project"


NOTEWORTHY = frozenset({Reason.TOO_LARGE, Reason.LINK_OUT, Reason.UNREADABLE, Reason.NAME})
"""Reasons that a user may not expect; a listing names the paths."""

SEARCHED_AS_TEXT = frozenset({Reason.TOO_LARGE, Reason.MINIFIED, Reason.LOCK})
"""Reasons why a file has no place in the index, though text search and `read` look into it."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether a path is indexed, and why."""

    indexed: bool
    reason: str
    rule: str | None = None
    """The line that decided: ``src/.gitignore:3: *.log``."""
