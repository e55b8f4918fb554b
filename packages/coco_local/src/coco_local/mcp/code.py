"""Tools `symbol` and `map`: where names are defined and used, and what a project consists of."""

from __future__ import annotations

from itertools import groupby
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from coco_local.mcp.arguments import DEFAULT_TOKENS, Arguments, Exclude, Include, Since, Tokens
from coco_local.mcp.budget import Budget
from coco_local.mcp.reply import FRAME_TOKENS, Reply
from coco_local.mcp.scope import Caller, Scope, globs_below, resolve_project
from coco_protocol.code import (
    CallerBody,
    FilesRequest,
    MapRequest,
    OccurrenceBody,
    SymbolData,
    SymbolRequest,
)
from coco_protocol.local import LocalService

__all__ = ["CodeAnswer", "MapArguments", "SymbolArguments", "project_map", "symbol"]


class CodeAnswer(BaseModel):
    """The answer of `symbol` and `map`, as the text has it."""

    model_config = ConfigDict(frozen=True)

    text: str


class SymbolArguments(Arguments):
    """Arguments of ``symbol``."""

    name: str = Field(
        min_length=1,
        max_length=1000,
        description="f, Class.method, module.f, src/a.py:12 or src/a.py:Class.method",
    )
    want: Literal["definition", "references", "callers"] = "definition"
    path: str | None = Field(
        default=None, max_length=4096, description="Only this directory or file."
    )
    include: Include = Field(default_factory=list)
    exclude: Exclude = Field(default_factory=list)
    since: Since = None
    depth: int = Field(default=1, ge=1, le=5, description="callers: so many steps up.")
    after: str = Field(default="", max_length=4096, description="As the answer's last line says.")
    limit: int = Field(default=200, ge=1, le=10_000, description="Occurrences, about.")
    max_tokens: Tokens = DEFAULT_TOKENS


class MapArguments(Arguments):
    """Arguments of ``map``."""

    path: str | None = Field(
        default=None, max_length=4096, description="Only this directory or file."
    )
    glob: str | None = Field(
        default=None, max_length=4096, description="List the files like this: src/**/*.py"
    )
    since: Since = None
    max_tokens: Tokens = 2_000


def symbol(service: LocalService, caller: Caller, arguments: SymbolArguments) -> Reply:
    """Find a name's definition, references or callers."""
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    data = service.symbol(
        SymbolRequest(
            name=arguments.name,
            want=arguments.want,
            project_id=scope.project.project_id,
            include=globs_below(scope.within, arguments.include),
            exclude=arguments.exclude,
            since_revision=arguments.since or None,
            depth=arguments.depth,
            after=arguments.after,
            limit=arguments.limit,
        )
    )
    return _reply(scope, arguments.max_tokens, _symbol_lines(data), _endings(data))


def project_map(service: LocalService, caller: Caller, arguments: MapArguments) -> Reply:
    """Show a tree of definitions, or the files that a glob names."""
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    if arguments.glob:
        return _files(service, scope, arguments)
    data = service.map(
        MapRequest(
            project_id=scope.project.project_id,
            directory=scope.within,
            since_revision=arguments.since or None,
            max_tokens=max(50, arguments.max_tokens - 2 * FRAME_TOKENS),
        )
    )
    ending = [f"({data.files} files, {data.definitions} definitions; path or max_tokens for more)"]
    ending += [f"[{data.notice}]"] if data.notice else []
    return _reply(scope, arguments.max_tokens, data.text.splitlines(), ending)


def _files(service: LocalService, scope: Scope, arguments: MapArguments) -> Reply:
    data = service.files(
        FilesRequest(
            project_id=scope.project.project_id,
            include=globs_below(scope.within, [arguments.glob or "**"]),
            since_revision=arguments.since or None,
        )
    )
    lines = [f"{file.path} {file.language} {file.size}" for file in data.files]
    ending = [f"({data.total} files: path, language, bytes)"]
    ending += [f"[{data.notice}]"] if data.notice else []
    return _reply(scope, arguments.max_tokens, lines, ending)


def _reply(scope: Scope, max_tokens: int, lines: list[str], endings: list[str]) -> Reply:
    budget = Budget(max_tokens - FRAME_TOKENS)
    head = [f"[{' '.join(scope.notice.split())}]"] if scope.notice else []
    for line in (*head, *endings):
        budget.take(line + "\n")
    shown = budget.head(lines)
    cut = len(lines) - len(shown)
    more = [f"(cut to fit max_tokens; {cut} more lines)"] if cut else []
    text = "\n".join([*head, *shown, *more, *endings])
    return Reply(text, CodeAnswer(text=text))


def _symbol_lines(data: SymbolData) -> list[str]:
    if data.want == "definition":
        return [
            f"{found.path}:{found.line}-{found.end_line} {found.kind} {found.symbol}\n"
            f"  {found.signature}"
            for found in data.definitions
        ]
    lines: list[str] = []
    for path, occurrences in groupby(data.occurrences, key=lambda each: each.path):
        lines.append(path)
        lines += [_occurrence(each) for each in occurrences]
    for path, callers in groupby(data.callers, key=lambda each: each.path):
        lines.append(path)
        lines += [_caller(each) for each in callers]
    return lines


def _occurrence(each: OccurrenceBody) -> str:
    guess = "" if each.sure else f" ? {each.why}"
    around = f" in {each.symbol}" if each.symbol else ""
    return f"{each.line}: {each.text}  ({each.role}{around}{guess})"


def _caller(each: CallerBody) -> str:
    guess = "" if each.sure else f" ? {each.why}"
    name = each.symbol or "top level"
    called = f" calls {each.calls}" if each.step > 1 else ""
    where = ",".join(map(str, each.lines))
    return f"{name} {each.line}-{each.end_line}{called} at {where}: {each.text}{guess}"


def _endings(data: SymbolData) -> list[str]:
    endings: list[str] = []
    shown = [each.sure for each in data.occurrences] + [each.sure for each in data.callers]
    if not all(shown):
        endings.append("(? = a guess: the type before the dot is not known)")
    empty = not (
        data.definitions if data.want == "definition" else data.occurrences or data.callers
    )
    if data.notice:
        endings.append(f"[{data.notice}]")
    elif empty:
        what = {"definition": "definition", "references": "reference", "callers": "call"}
        endings.append(f"No {what[data.want]} of {data.name} in these files.")
    if data.near:
        endings.append(f"Like it: {', '.join(data.near)}")
    if data.next_after is not None:
        endings.append(f"More: after={data.next_after}")
    return endings
