"""Structured answers of the tools."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from coco_protocol.docs import EmptyReason
from coco_protocol.grep import GrepEmptyReason

__all__ = [
    "FileOutline",
    "GrepAnswer",
    "GrepFile",
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
    kind: str
    language: str
    score: float
    content: str
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
    empty_reason: EmptyReason | None = None


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
    """A matching line; a long one is cut around what matches."""

    path: str
    line: int
    text: str


class GrepFile(_Answer):
    """A file with the number of its matching lines."""

    path: str
    lines: int


class GrepAnswer(_Answer):
    """Matching lines by path, or only the files."""

    project: str
    root: str
    matches: list[GrepHit]
    counts: list[GrepFile] = []
    truncated: bool = False
    notice: str | None = None
    empty_reason: GrepEmptyReason | None = None


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
