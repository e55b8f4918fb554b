"""Code intelligence: where a name is defined and used, and who calls it."""

from __future__ import annotations

from coco_core.code import Definition, Occurrence
from coco_local.operations.context import FUNCTIONS, Context
from coco_local.operations.current import LISTING, catch_up
from coco_local.search.callers import Caller, group_calls, with_callers
from coco_local.search.near_names import names_beginning
from coco_local.search.path_filter import path_filter
from coco_local.search.symbols import Found, Indexed, SymbolSearch
from coco_protocol.code import (
    CallerBody,
    DefinitionBody,
    NamesData,
    NamesRequest,
    OccurrenceBody,
    SymbolData,
    SymbolRequest,
)
from coco_protocol.local import LocalService

# A line longer than this is data; its beginning says enough.
_MAX_TEXT = 300


@FUNCTIONS.answers(LocalService.symbol)
def symbol(context: Context, request: SymbolRequest) -> SymbolData:
    """Return the definitions, references or callers of a name."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    context.registry.check_globs(indexer.project, request.include)
    with context.gate.query():
        listed = catch_up(indexer)
        allowed = path_filter(indexer.project.root, request)
        search = SymbolSearch(indexer, context.parsed, allowed)
        name = search.named(request.name)
        callers: list[Caller] = []
        if request.want == "definition":
            found = search.definitions(name)
            found.definitions = search.left(found.definitions)
        else:
            found = search.references(
                name,
                after=request.after,
                limit=request.limit,
                calls=request.want == "callers",
                sure=request.sure,
            )
        if request.want == "callers":
            shown = found.definitions[0].symbol if len(found.definitions) == 1 else name.last
            callers = group_calls(found.occurrences, shown or name.text, 1)
            callers = with_callers(search, callers, request.depth)
    return SymbolData(
        name=request.name,
        want=request.want,
        definitions=[_definition(each) for each in found.definitions]
        + [_indexed(each) for each in found.indexed],
        occurrences=[_occurrence(each) for each in found.occurrences]
        if request.want == "references"
        else [],
        callers=[_caller(each) for each in callers],
        near=found.near,
        files=found.files,
        files_searched=found.searched,
        next_after=found.next_after,
        notice=_notice(request, found, is_line=name.line is not None) if listed else LISTING,
    )


@FUNCTIONS.answers(LocalService.names)
def names(context: Context, request: NamesRequest) -> NamesData:
    """Return names that begin in a given way, in any case."""
    memory = context.registry.resolve(request.project_id, request.path).active.index.memory
    return NamesData(names=names_beginning(memory, request.prefix, request.limit))


def _notice(request: SymbolRequest, found: Found, *, is_line: bool) -> str | None:
    parts: list[str] = []
    listed = [*found.definitions, *found.indexed]
    shown = listed if request.want == "definition" else found.occurrences
    empty = not shown and not found.next_after
    if found.outside:
        parts.append(
            f"The project does not define {request.name!r}; it comes from outside, or is only "
            "set at run time."
        )
    elif found.indexed and not found.modules and request.want != "definition":
        parts.append(
            f"{request.name!r} is defined in a language that no built-in grammar parses, so its "
            "uses are not known; search the text with grep."
        )
    elif empty and found.defined:
        what = {"definition": "is not defined", "references": "is not used"}
        parts.append(
            f"{request.name!r} {what.get(request.want, 'is not called')} in the files that the "
            "filters leave."
            if request.include or request.exclude or request.since_revision
            else f"{request.name!r} is defined, and nothing calls it."
        )
    elif empty and found.local:
        parts.append(
            f"Only functions have {request.name!r}, as a parameter or a variable; name one by its "
            "place: FILE:LINE:COLUMN."
        )
    elif empty and found.searched >= found.files:
        parts.append(
            f"No definition stands on that line or around it: {request.name!r}."
            if is_line
            else f"Nothing in the project defines {request.name!r}."
        )
    if found.next_after is not None:
        parts.append(
            f"{found.searched} of {found.files} files with the name were looked at; "
            "the next page goes on behind them."
        )
    elif found.searched < found.files:
        parts.append(
            f"Only {found.searched} of {found.files} files with the name were looked at in time; "
            "narrow the question with a path or a qualified name."
        )
    return " ".join(parts) or None


def _definition(found: Definition) -> DefinitionBody:
    return DefinitionBody(
        path=found.path,
        symbol=found.symbol,
        kind=found.kind.value,
        line=found.line,
        column=found.column,
        end_line=found.end_line,
        signature=_line(found.text),
    )


def _indexed(found: Indexed) -> DefinitionBody:
    return DefinitionBody(
        path=found.path,
        symbol=found.symbol,
        kind=found.kind,
        line=found.line,
        column=1,
        end_line=max(found.line, found.end_line),
    )


def _occurrence(found: Occurrence) -> OccurrenceBody:
    return OccurrenceBody(
        path=found.path,
        line=found.line,
        column=found.column,
        end_column=found.end_column,
        role=found.role.value,
        sure=found.sure,
        why=found.why,
        symbol=found.enclosing.symbol if found.enclosing is not None else "",
        text=_line(found.text),
    )


def _caller(caller: Caller) -> CallerBody:
    first = caller.first
    around = first.enclosing
    return CallerBody(
        path=first.path,
        symbol=around.symbol if around is not None else "",
        kind=around.kind.value if around is not None else "module",
        line=around.start_line if around is not None else first.line,
        end_line=around.end_line if around is not None else first.line,
        calls=caller.calls,
        lines=[each.line for each in caller.occurrences],
        text=_line(first.text),
        sure=any(each.sure for each in caller.occurrences),
        why=first.why,
        step=caller.step,
    )


def _line(text: str) -> str:
    plain = text.strip()
    return plain if len(plain) <= _MAX_TEXT else f"{plain[:_MAX_TEXT]}…"
