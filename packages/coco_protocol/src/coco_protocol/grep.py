"""Text search on the wire: what `grep` takes and answers."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, Identifier, PathText, PlainText, Request, Revision

__all__ = [
    "GrepCount",
    "GrepData",
    "GrepEmptyReason",
    "GrepMatch",
    "GrepOutput",
    "GrepRequest",
    "GrepSpan",
]

GrepOutput = Literal["lines", "counts"]

GrepEmptyReason = Literal[
    "no_files", "no_such_path", "no_such_language", "filtered_out", "taken_as_text", "no_match"
]
"""Why no line was found: ``taken_as_text`` is of a pattern that reads like an expression."""


class GrepRequest(Request):
    """``POST /v1/docs/grep``: live text search over the project's files."""

    pattern: PlainText = Field(min_length=1, max_length=10_000)
    project_id: Identifier | None = None
    path: PathText | None = None
    regex: bool = False
    case_sensitive: bool | None = Field(default=None, description="null = smart case")
    include: list[PlainText] = Field(default_factory=list, max_length=200)
    exclude: list[PlainText] = Field(default_factory=list, max_length=200)
    since_revision: Revision = None
    languages: list[PlainText] = Field(default_factory=list, max_length=100)
    word: bool = Field(default=False, description="only where it stands as a word of its own")
    multiline: bool = Field(
        default=False, description="a match may span lines; implied by a line end in the pattern"
    )
    context: int = Field(default=0, ge=0, le=20, description="lines around each match")
    before: int | None = Field(default=None, ge=0, le=20, description="null = context")
    after: int | None = Field(default=None, ge=0, le=20, description="null = context")
    limit: int = Field(default=100, ge=1, le=10_000, description="of lines, or of files")
    output: GrepOutput = Field(
        default="lines", description="counts: how many lines of each file match, no lines"
    )
    ignored: bool = Field(
        default=False, description="also files that are ignored; never secrets, never git's own"
    )
    max_columns: int = Field(
        default=2000,
        ge=40,
        le=1_000_000,
        description="characters of a line; a longer one is cut around its first match",
    )


class GrepSpan(Answer):
    """A part of a text in characters, half-open."""

    start: int
    end: int


class GrepMatch(Answer):
    """A matching line with its context; a match over several lines is one entry for each."""

    path: str
    line: int
    text: str
    before: list[str] = Field(default_factory=list)
    after: list[str] = Field(default_factory=list)
    column: int = Field(default=1, description="of the first match, in characters, from 1")
    start_column: int = Field(default=1, description="where ``text`` begins; above 1 it was cut")
    line_length: int = Field(default=0, description="of the whole line, in characters")
    spans: list[GrepSpan] = Field(default_factory=list, description="the matches in ``text``")


class GrepCount(Answer):
    """How many lines of a file match."""

    path: str
    lines: int


class GrepData(Answer):
    """Matches by path, those of files that are not in the index last.

    ``truncated`` says that the limit cut them.
    """

    matches: list[GrepMatch] = Field(default_factory=list)
    counts: list[GrepCount] = Field(
        default_factory=list, description="by path; filled where ``output`` is counts"
    )
    truncated: bool = False
    empty_reason: GrepEmptyReason | None = None
    ignored_files: int = Field(
        default=0, description="ignored files that match, where no other file does"
    )
    notice: str | None = Field(
        default=None, description="what was not searched though it may matter, in sentences"
    )
