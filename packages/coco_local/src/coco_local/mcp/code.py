"""Tools `symbol` and `map`: where names are defined and used, and what a project consists of."""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar, Literal

from pydantic import Field

from coco_core.globs import globs_below
from coco_local.mcp.arguments import Arguments, Exclude, Include, Place, Since, Tokens
from coco_local.mcp.budget import Budget, notice_line
from coco_local.mcp.missing import require_path
from coco_local.mcp.scope import Caller, Scope, plain_globs, resolve_project
from coco_protocol.code import (
    CallerBody,
    FilesRequest,
    MapRequest,
    OccurrenceBody,
    SymbolData,
    SymbolRequest,
)
from coco_protocol.local import LocalService

__all__ = ["MapArguments", "SymbolArguments", "project_map", "symbol"]

# MapRequest refuses less.
LEAST_TOKENS = 50
# What the lines at the end of a map take.
ENDING_TOKENS = 40
CUT = "(cut to fit max_tokens; {} more lines)"


class SymbolArguments(Arguments):
    """Arguments of ``symbol``."""

    unlisted: ClassVar[frozenset[str]] = frozenset(
        {"include", "exclude", "since", "depth", "limit", "max_tokens"}
    )

    name: str = Field(
        min_length=1,
        max_length=1000,
        description="f, Class.method, src/a.py:12 or src/a.py:Class.method",
    )
    want: Literal["definition", "references", "callers"] = Field(
        default="definition", description="What to find (definition)."
    )
    path: Place = None
    include: Include = Field(default_factory=list)
    exclude: Exclude = Field(default_factory=list)
    since: Since = None
    depth: int = Field(default=1, ge=1, le=5, description="callers: so many steps up.")
    after: str = Field(default="", max_length=4096, description="As the answer's last line says.")
    limit: int = Field(default=200, ge=1, le=10_000, description="Occurrences, about.")


class MapArguments(Arguments):
    """Arguments of ``map``."""

    path: Place = None
    glob: str | None = Field(
        default=None, max_length=4096, description="List files like this: src/**/*.py"
    )
    since: Since = None
    max_tokens: Tokens = 2_000


def symbol(service: LocalService, caller: Caller, arguments: SymbolArguments) -> str:
    """Find a name's definition, references or callers."""
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    require_path(service, scope)
    data = service.symbol(
        SymbolRequest(
            name=_name(scope, arguments.name),
            want=arguments.want,
            project_id=scope.project.project_id,
            include=globs_below(scope.within, plain_globs(scope.project, arguments.include)),
            exclude=plain_globs(scope.project, arguments.exclude),
            since_revision=arguments.since or None,
            depth=arguments.depth,
            after=arguments.after,
            limit=arguments.limit,
        )
    )
    return _text(scope, arguments.max_tokens, _symbol_lines(data), _endings(data))


def project_map(service: LocalService, caller: Caller, arguments: MapArguments) -> str:
    """Show a tree of definitions, or the files that a glob names."""
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    require_path(service, scope)
    if arguments.glob:
        return _files(service, scope, arguments)
    data = service.map(
        MapRequest(
            project_id=scope.project.project_id,
            directory=scope.within,
            since_revision=arguments.since or None,
            max_tokens=max(LEAST_TOKENS, arguments.max_tokens - ENDING_TOKENS),
        )
    )
    endings = [f"({data.files} files, {data.definitions} definitions; path or max_tokens for more)"]
    endings += [f"[{data.notice}]"] if data.notice else []
    return _text(scope, arguments.max_tokens, data.text.splitlines(), endings)


def _files(service: LocalService, scope: Scope, arguments: MapArguments) -> str:
    data = service.files(
        FilesRequest(
            project_id=scope.project.project_id,
            include=globs_below(scope.within, plain_globs(scope.project, [arguments.glob or "**"])),
            since_revision=arguments.since or None,
        )
    )
    lines = [f"{file.path} {file.language} {file.size}" for file in data.files]
    endings = [f"({data.total} files: path, language, bytes)"]
    endings += [f"[{data.notice}]"] if data.notice else []
    return _text(scope, arguments.max_tokens, lines, endings)


def _name(scope: Scope, name: str) -> str:
    """Return a name as the project writes it: without quotes, its file relative to the root."""
    bare = name.strip().strip("`\"'").removeprefix("./")
    return bare.removeprefix(f"{scope.project.root}/")


def _text(scope: Scope, max_tokens: int, lines: list[str], endings: list[str]) -> str:
    """Return the lines that fit, and what is said at the end in any case."""
    budget = Budget(max_tokens)
    head = notice_line(budget, scope.notice)
    for line in endings:
        budget.take(line + "\n")
    shown = Budget(budget.left).head(lines)
    if len(shown) < len(lines):
        budget.take(CUT.format(len(lines)) + "\n")
        shown = budget.head(lines)
        endings = [CUT.format(len(lines) - len(shown)), *endings]
    return head + "\n".join([*shown, *endings])


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
