"""Tools `outline` and `read`: files as they are on disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coco_core.errors import InvalidInput
from coco_local.mcp.answers import SymbolLine
from coco_local.mcp.arguments import OutlineArguments, ReadArguments
from coco_local.mcp.budget import Budget, notice_line
from coco_local.mcp.format import symbol_text
from coco_local.mcp.missing import require_path
from coco_local.mcp.scope import Caller, resolve_file
from coco_protocol.docs import (
    DocumentRequest,
    OutlineSymbol,
    ReadData,
    ReadRequest,
)
from coco_protocol.local import LocalService

__all__ = ["outline", "read"]

CUT = "(cut to fit max_tokens; {} more follow)"


def outline(service: LocalService, caller: Caller, arguments: OutlineArguments) -> str:
    """List a file's definitions."""
    scope = resolve_file(service.projects().projects, caller, arguments.path, arguments.project)
    require_path(service, scope)
    request = DocumentRequest(doc_id=scope.within, project_id=scope.project.project_id)
    data = service.outline(request)
    budget = Budget(arguments.max_tokens)
    head = notice_line(budget, scope.notice)
    named = f"{data.doc_id} ({data.language})"
    found = [symbol_text(symbol) for symbol in _joined(data.symbols)]
    if not found:
        return head + budget.clip(f"{named}: no definitions or headings; read it.")
    budget.take(f"{named}\n")
    shown = Budget(budget.left).head(found)
    if len(shown) < len(found):
        # The last line needs room, too.
        budget.take(CUT.format("9" * len(str(len(found)))))
        shown = budget.head(found)
        last = f"\n{CUT.format(len(found) - len(shown))}"
    else:
        last = ""
    return head + "\n".join([named, *shown]) + last


def read(service: LocalService, caller: Caller, arguments: ReadArguments) -> str:
    """Read lines of a file from disk."""
    scope = resolve_file(service.projects().projects, caller, arguments.path, arguments.project)
    require_path(service, scope)
    given = arguments.model_fields_set
    first = arguments.start_line if "start_line" in given else scope.first_line or 1
    last = arguments.end_line
    if not {"start_line", "end_line"} & given:
        last = scope.last_line
    if last is not None and last < first:
        raise InvalidInput(
            f"end_line {last} is before start_line {first}.",
            hint="Leave end_line out to read as far as max_tokens allows.",
        )
    request = ReadRequest(
        doc_id=scope.within,
        project_id=scope.project.project_id,
        start_line=first,
        end_line=last,
    )
    budget = Budget(arguments.max_tokens)
    head = notice_line(budget, scope.notice)
    return head + _lines(service.read(request), budget)


def _lines(data: ReadData, budget: Budget) -> str:
    """Return the lines under a header that says which they are, and how to go on."""
    if data.total_lines == 0:
        return f"--- {data.doc_id}: empty file"
    lines = [line.removesuffix("\r") for line in data.content.split("\n")]
    if lines[-1] == "":
        lines.pop()
    budget.take(f"--- {data.doc_id}:{data.start_line}-{data.end_line} of {data.total_lines}\n")
    budget.take(f"More: start_line={data.end_line}\n")
    taken = budget.head(lines)
    if lines and not taken:
        # One huge line: its start is better than silence.
        taken = [budget.clip(lines[0])]
    end = data.start_line + len(taken) - 1 if taken else data.end_line
    text = "\n".join([f"--- {data.doc_id}:{data.start_line}-{end} of {data.total_lines}", *taken])
    more = f"\nMore: start_line={end + 1}" if end < data.end_line else ""
    return text.rstrip("\n") + more


def _joined(symbols: Sequence[OutlineSymbol]) -> list[SymbolLine]:
    """Return the symbols; one that was cut into several chunks is one line."""
    lines: list[SymbolLine] = []
    for symbol in symbols:
        line = SymbolLine(
            symbol.symbol, symbol.kind, symbol.line, symbol.end_line, symbol.signature
        )
        last = lines[-1] if lines else None
        if last and (last.symbol, last.signature) == (line.symbol, line.signature):
            lines[-1] = replace(last, end_line=line.end_line)
        else:
            lines.append(line)
    return lines
