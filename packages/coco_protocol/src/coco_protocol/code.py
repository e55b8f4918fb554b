"""Code intelligence on the wire: symbols, the map of a project, and lists of files."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, Identifier, PathText, PlainText, Request, Revision

__all__ = [
    "CallerBody",
    "DefinitionBody",
    "FileBody",
    "FilesData",
    "FilesRequest",
    "MapData",
    "MapEntry",
    "MapRequest",
    "MapSymbol",
    "NamesData",
    "NamesRequest",
    "OccurrenceBody",
    "SymbolData",
    "SymbolRequest",
    "Want",
]

Want = Literal["definition", "references", "callers"]


class SymbolRequest(Request):
    """``POST /v1/docs/symbol``: where a name is defined, where it is used, who calls it."""

    name: PlainText = Field(
        min_length=1,
        max_length=1000,
        description="f, Class.method, module.f, path.py:12, path.py:12:5 or path.py:Class.method",
    )
    want: Want = "definition"
    project_id: Identifier | None = None
    path: PathText | None = Field(default=None, description="A place in the project.")
    include: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    exclude: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    since_revision: Revision = None
    sure: bool = Field(default=False, description="Leave out guesses.")
    depth: int = Field(default=1, ge=1, le=5, description="callers of callers: how many steps")
    limit: int = Field(default=200, ge=1, le=10_000)
    after: PlainText = Field(
        default="", max_length=4096, description="`next_after` of the page before this one"
    )


class DefinitionBody(Answer):
    """A definition with all of its lines."""

    path: str
    symbol: str
    kind: str
    line: int
    column: int
    end_line: int
    signature: str = ""


class OccurrenceBody(Answer):
    """One identifier that is the name, or may be."""

    path: str
    line: int
    column: int
    end_column: int
    role: str = Field(description="definition, write, import, export, call or use")
    sure: bool
    why: str
    symbol: str = Field(default="", description="the definition around it")
    text: str = Field(default="", description="the line")


class CallerBody(Answer):
    """A definition that calls; an empty symbol is the file itself."""

    path: str
    symbol: str
    kind: str
    line: int
    end_line: int
    calls: str = Field(description="what it calls")
    lines: list[int] = Field(description="where")
    text: str = Field(default="", description="the first of these lines")
    sure: bool
    why: str
    step: int = Field(description="1 calls it, 2 calls what calls it")


class SymbolData(Answer):
    """What a name is; ``notice`` says what is not known or was not looked at."""

    name: str
    want: Want
    definitions: list[DefinitionBody] = Field(default_factory=list)
    occurrences: list[OccurrenceBody] = Field(default_factory=list)
    callers: list[CallerBody] = Field(default_factory=list)
    near: list[str] = Field(default_factory=list, description="names like it that exist")
    files: int = Field(default=0, description="files that hold the name")
    files_searched: int = 0
    next_after: str | None = Field(default=None, description="null when there is no more")
    notice: str | None = None


class FilesRequest(Request):
    """``POST /v1/docs/files``: files by path, language and change."""

    include: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    exclude: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    languages: list[PlainText] = Field(default_factory=list, max_length=100)
    since_revision: Revision = None
    project_id: Identifier | None = None
    path: PathText | None = Field(default=None, description="A place in the project.")
    limit: int = Field(default=1000, ge=1, le=10_000)
    after: PlainText = Field(default="", max_length=4096, description="The last path seen.")


class FileBody(Answer):
    """A file of a project as it is on disk now."""

    path: str
    language: str
    size: int = Field(description="bytes")


class FilesData(Answer):
    """Files by path; ``total`` counts all that fit."""

    files: list[FileBody]
    total: int
    next_after: str | None = Field(default=None, description="null when there are no more")
    notice: str | None = None


class MapRequest(Request):
    """``POST /v1/docs/map``: a tree of files with their main definitions."""

    directory: PlainText = Field(
        default="", max_length=4096, description="Only this directory or file of the project."
    )
    include: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    exclude: list[PlainText] = Field(default_factory=list, max_length=200, description="path globs")
    since_revision: Revision = None
    max_tokens: int = Field(default=2_000, ge=50, le=1_000_000)
    project_id: Identifier | None = None
    path: PathText | None = Field(default=None, description="A place in the project.")


class MapSymbol(Answer):
    """A main definition of a file."""

    symbol: str
    kind: str
    line: int
    signature: str = ""


class MapEntry(Answer):
    """A file with its main definitions, or a directory that is not opened."""

    path: str = Field(description="a directory ends in /")
    files: int = Field(description="1 for a file")
    symbols: list[MapSymbol] = Field(default_factory=list)
    definitions: int = Field(default=0, description="all that it defines, shown or not")


class MapData(Answer):
    """The tree in order of paths, and as a text that keeps to the budget."""

    entries: list[MapEntry]
    text: str
    files: int
    definitions: int
    notice: str | None = None


class NamesRequest(Request):
    """``GET /v1/docs/names``: what a name may be completed to."""

    prefix: PlainText = Field(default="", max_length=500)
    limit: int = Field(default=50, ge=1, le=1000)
    project_id: Identifier | None = Field(default=None, description="Instead of the header.")
    path: PathText | None = Field(default=None, description="A place in the project.")


class NamesData(Answer):
    """Names that the project defines, in order."""

    names: list[str]
