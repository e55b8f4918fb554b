"""Arguments of the tools, described for the model that fills them in.

Each word of a description is part of every conversation, so it says only what the name does not.
What is in ``unlisted`` is accepted and documented in docs/mcp.md, but not in the tool's schema.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from coco_local.client.chunk_kinds import KINDS
from coco_protocol.docs import Profile

__all__ = [
    "Arguments",
    "GrepArguments",
    "OutlineArguments",
    "ReadArguments",
    "RelatedArguments",
    "SearchArguments",
    "Since",
    "StatusArguments",
]

# Eight places answer nearly every "where is …?" and cost an agent one small page.
DEFAULT_LIMIT = 8
MAX_LIMIT = 50
# What a capable agent reads without thinking twice; about 300 lines of code.
DEFAULT_TOKENS = 4_000
# Results are the lines that answer: by the line measure (bench.retrieval.lines) three of four stand
# in the first 1,000 tokens, and more would mostly be other files.
SEARCH_TOKENS = 1_500
# The header of one place and a line of it.
MIN_TOKENS = 100
MAX_TOKENS = 50_000


Strings = Annotated[list[str], Field(max_length=100)]
Tokens = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description=f"Tokens of the answer ({DEFAULT_TOKENS})."),
]
SearchTokens = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description=f"Tokens of the answer ({SEARCH_TOKENS})."),
]
Limit = Annotated[
    int, Field(ge=1, le=MAX_LIMIT, description=f"How many results ({DEFAULT_LIMIT}).")
]
Offset = Annotated[
    int, Field(ge=0, le=10_000, description="Where the answer's last line says to go on.")
]
Project = Annotated[
    str | None,
    Field(max_length=4096, description="Another project: its name or directory."),
]
File = Annotated[str, Field(min_length=1, max_length=4096, description="A file.")]
Place = Annotated[str | None, Field(max_length=4096, description="Only this directory or file.")]
Include = Annotated[Strings, Field(description="Only these globs: src/**/*.py")]
Exclude = Annotated[Strings, Field(description="Not these globs.")]

Since = Annotated[
    str | None,
    Field(max_length=500, description="Only files that differ from this git revision."),
]


class Arguments(BaseModel):
    """Common to all tools; an argument that does not exist is an answer, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    unlisted: ClassVar[frozenset[str]] = frozenset()

    project: Project = None
    max_tokens: Tokens = DEFAULT_TOKENS


class _Filters(Arguments):
    languages: Annotated[Strings, Field(description="Only these: python, …")] = Field(
        default_factory=list
    )
    include: Include = Field(default_factory=list)
    exclude: Exclude = Field(default_factory=list)
    kinds: Annotated[Strings, Field(description=f"Only these: {', '.join(KINDS)}.")] = Field(
        default_factory=list
    )


class SearchArguments(_Filters):
    """Arguments of ``search``."""

    unlisted: ClassVar[frozenset[str]] = frozenset({"kinds", "mode", "per_file", "since"})

    query: str = Field(
        min_length=1,
        max_length=10_000,
        description="A question, a name or an error message.",
    )
    path: Place = None
    projects: Annotated[
        Strings, Field(description="Several projects in one answer; '*' is all.")
    ] = Field(default_factory=list)
    limit: Limit = DEFAULT_LIMIT
    offset: Offset = 0
    since: Since = None
    max_tokens: SearchTokens = SEARCH_TOKENS
    mode: Literal["hybrid", "fts", "vector"] = Field(
        default="hybrid",
        description="hybrid = words and meaning (best); fts = words only; vector = meaning only.",
    )
    per_file: int = Field(default=1, ge=1, le=20, description="Results per file at most.")
    profile: Profile = Field(
        default="auto",
        description="docs: what the documentation says; code: where it is done.",
    )


class RelatedArguments(_Filters):
    """Arguments of ``related``."""

    unlisted: ClassVar[frozenset[str]] = frozenset(
        {"languages", "include", "exclude", "kinds", "max_tokens", "offset"}
    )

    path: File
    line: int = Field(default=1, ge=1, description="A line of the code to compare with.")
    limit: Limit = DEFAULT_LIMIT
    offset: Offset = 0
    max_tokens: SearchTokens = SEARCH_TOKENS


class OutlineArguments(Arguments):
    """Arguments of ``outline``."""

    unlisted: ClassVar[frozenset[str]] = frozenset({"max_tokens"})

    path: File


class GrepArguments(Arguments):
    """Arguments of ``grep``."""

    unlisted: ClassVar[frozenset[str]] = frozenset(
        {
            "case_sensitive",
            "count",
            "exclude",
            "ignored",
            "languages",
            "max_tokens",
            "since",
            "word",
        }
    )

    pattern: str = Field(min_length=1, max_length=10_000, description="Text, or a regex.")
    regex: bool = Field(default=False, description="Read pattern as a regular expression.")
    case_sensitive: bool | None = Field(
        default=None, description="Default: only when the pattern has a capital letter."
    )
    path: Place = None
    include: Include = Field(default_factory=list)
    exclude: Exclude = Field(default_factory=list)
    languages: Strings = Field(default_factory=list)
    word: bool = Field(default=False, description="Only as a word of its own.")
    count: bool = Field(default=False, description="Only the files, with their matching lines.")
    ignored: bool = Field(default=False, description="Also ignored files.")
    since: Since = None
    context: int = Field(default=0, ge=0, le=20, description="Lines around a match.")
    limit: int = Field(default=60, ge=1, le=1_000, description="How many matches (60).")


class ReadArguments(Arguments):
    """Arguments of ``read``."""

    unlisted: ClassVar[frozenset[str]] = frozenset({"max_tokens"})

    path: File
    start_line: int = Field(default=1, ge=1, description="From 1.")
    end_line: int | None = Field(default=None, ge=1)
    max_tokens: Tokens = 8_000


class StatusArguments(Arguments):
    """Arguments of ``status``."""

    unlisted: ClassVar[frozenset[str]] = frozenset({"max_tokens", "project"})
