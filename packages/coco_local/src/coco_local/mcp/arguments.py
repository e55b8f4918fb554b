"""Arguments of the tools, described for the model that fills them in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from coco_protocol.docs import Profile

__all__ = [
    "Arguments",
    "GrepArguments",
    "OutlineArguments",
    "ReadArguments",
    "RelatedArguments",
    "SearchArguments",
    "StatusArguments",
]

# Eight places answer nearly every "where is …?" and cost an agent one small page.
DEFAULT_LIMIT = 8
MAX_LIMIT = 50
# What a capable agent reads without thinking twice; about 300 lines of code.
DEFAULT_TOKENS = 4_000
# Places are shown as the lines that answer: by the line measure (bench.retrieval.lines) three of
# four answers stand in the first 1,000 tokens, and more would mostly be other files.
SEARCH_TOKENS = 1_500
MIN_TOKENS = 200
MAX_TOKENS = 50_000

# `coco_core.types.ChunkKind` by value: importing it would load numpy into every agent's shim.
KINDS = ("function", "class", "method", "section", "table", "code_block", "config", "text")


def _listed(value: object) -> object:
    """Accept one string where a list is wanted: models write ``"python"`` for ``["python"]``."""
    if value is None:
        return []
    return [value] if isinstance(value, str) else value


Strings = Annotated[list[str], BeforeValidator(_listed), Field(max_length=100)]
Tokens = Annotated[
    int,
    Field(ge=MIN_TOKENS, le=MAX_TOKENS, description="Budget of the whole answer, in tokens."),
]
Limit = Annotated[int, Field(ge=1, le=MAX_LIMIT, description="How many results at most.")]
Project = Annotated[
    str | None,
    Field(
        max_length=4096,
        description="Project name, id, or a directory in it. Default: the project you work in.",
    ),
]
File = Annotated[
    str,
    Field(
        min_length=1,
        max_length=4096,
        description="File, relative to the project's root as results show it, or absolute.",
    ),
]
Include = Annotated[Strings, Field(description="Only these path globs, e.g. 'src/**/*.py'.")]
Exclude = Annotated[Strings, Field(description="Leave out these path globs, e.g. 'tests/**'.")]


class Arguments(BaseModel):
    """Common to all tools; an argument that does not exist is an answer, not a silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project: Project = None


class _Filters(Arguments):
    languages: Annotated[
        Strings, Field(description="Only these languages, e.g. 'python', 'markdown'.")
    ] = Field(default_factory=list)
    include: Include = Field(default_factory=list)
    exclude: Exclude = Field(default_factory=list)
    kinds: Annotated[
        Strings,
        Field(
            description=f"Only these kinds: {', '.join(KINDS)}.",
            json_schema_extra={"items": {"type": "string", "enum": list(KINDS)}},
        ),
    ] = Field(default_factory=list)


class SearchArguments(_Filters):
    """Arguments of ``search``."""

    query: str = Field(
        min_length=1,
        max_length=10_000,
        description="What to find: a question, a description, a symbol, an error message. "
        'Put "quotes" around words that must match literally.',
    )
    path: str | None = Field(
        default=None, max_length=4096, description="Search only this directory or file."
    )
    limit: Limit = DEFAULT_LIMIT
    offset: int = Field(
        default=0, ge=0, le=10_000, description="Skip results already seen; answers name the next."
    )
    max_tokens: Tokens = SEARCH_TOKENS
    mode: Literal["hybrid", "fts", "vector"] = Field(
        default="hybrid",
        description="hybrid = words and meaning (best); fts = words only; vector = meaning only.",
    )
    per_file: int = Field(default=1, ge=1, le=20, description="Results per file at most.")
    profile: Profile = Field(
        default="auto",
        description="What to look for: code = where it is done; docs = what the documentation "
        "says; mixed = both; auto = code, with the best page among it.",
    )


class RelatedArguments(_Filters):
    """Arguments of ``related``."""

    path: File
    line: int = Field(default=1, ge=1, description="A line inside the code to compare with.")
    limit: Limit = DEFAULT_LIMIT
    offset: int = Field(default=0, ge=0, le=10_000, description="Skip results already seen.")
    max_tokens: Tokens = SEARCH_TOKENS


class OutlineArguments(Arguments):
    """Arguments of ``outline``."""

    path: File
    max_tokens: Tokens = DEFAULT_TOKENS


class GrepArguments(Arguments):
    """Arguments of ``grep``."""

    pattern: str = Field(min_length=1, max_length=10_000, description="Text to find, literally.")
    regex: bool = Field(default=False, description="Read pattern as a (Rust) regular expression.")
    case_sensitive: bool | None = Field(
        default=None, description="Default: only when the pattern has a capital letter."
    )
    path: str | None = Field(
        default=None, max_length=4096, description="Search only this directory or file."
    )
    include: Include = Field(default_factory=list)
    exclude: Exclude = Field(default_factory=list)
    context: int = Field(default=0, ge=0, le=20, description="Lines around each match.")
    limit: int = Field(default=60, ge=1, le=1_000, description="How many matches at most.")
    max_tokens: Tokens = DEFAULT_TOKENS


class ReadArguments(Arguments):
    """Arguments of ``read``."""

    path: File
    start_line: int = Field(default=1, ge=1, description="First line, from 1.")
    end_line: int | None = Field(
        default=None, ge=1, description="Last line. Default: as many as max_tokens allows."
    )
    max_tokens: Tokens = 8_000


class StatusArguments(Arguments):
    """Arguments of ``status``."""
