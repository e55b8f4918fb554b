"""Structured answers of the tools."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = [
    "FileOutline",
    "GrepAnswer",
    "GrepHit",
    "ProjectState",
    "ReadAnswer",
    "SearchAnswer",
    "SearchHit",
    "StatusAnswer",
    "SymbolLine",
]


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class SearchHit(_Answer):
    """One place in the project."""

    path: str
    start_line: int | None = None
    end_line: int | None = None
    symbol: str = ""
    within: str = ""
    """First and last line, and head of the definition that the first shown line lies in."""
    kind: str
    language: str
    score: float
    content: str
    """The lines that answer; `…40` stands where lines are left out and line 40 follows."""
    cut: bool = False


class SearchAnswer(_Answer):
    """What ``search`` and ``related`` found, best first."""

    project: str
    root: str
    results: list[SearchHit]
    next_offset: int | None = None
    fresh: bool
    pending_files: int = 0
    tier: str
    notice: str | None = None
    empty_reason: Literal["nothing_indexed", "filtered_out", "no_match"] | None = None


class SymbolLine(_Answer):
    """A definition or heading."""

    symbol: str
    kind: str
    line: int
    end_line: int
    signature: str = ""


class FileOutline(_Answer):
    """The definitions of a file, in order."""

    project: str
    root: str
    path: str
    language: str
    symbols: list[SymbolLine]
    truncated: bool = False


class GrepHit(_Answer):
    """A matching line."""

    path: str
    line: int
    text: str


class GrepAnswer(_Answer):
    """Matching lines in path order."""

    project: str
    root: str
    matches: list[GrepHit]
    truncated: bool = False


class ReadAnswer(_Answer):
    """Lines of a file as they are on disk."""

    project: str
    root: str
    path: str
    start_line: int
    end_line: int
    total_lines: int
    language: str
    content: str
    next_start_line: int | None = None


class ProjectState(_Answer):
    """A project with the state of its index."""

    name: str
    project_id: str
    root: str
    state: str
    files: int
    files_total: int
    chunks: int
    embedded: int
    pending_files: int
    skipped: int
    error: str | None = None


class StatusAnswer(_Answer):
    """What CoCo knows and what it is doing."""

    version: str
    model: str
    model_state: str
    current: str | None = None
    projects: list[ProjectState]
    notice: str | None = None
