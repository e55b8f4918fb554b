"""Tools `outline` and `read`: files as they are on disk."""

from __future__ import annotations

from collections.abc import Sequence

from coco_core.errors import InvalidInput
from coco_local.mcp.answers import FileOutline, ReadAnswer, SymbolLine
from coco_local.mcp.arguments import OutlineArguments, ReadArguments
from coco_local.mcp.format import outline_text, read_text, symbol_text
from coco_local.mcp.reply import Reply, budget_within
from coco_local.mcp.scope import Caller, resolve_file
from coco_protocol.docs import DocumentRequest, OutlineSymbol, ReadRequest
from coco_protocol.local import LocalService

__all__ = ["outline", "read"]


def outline(service: LocalService, caller: Caller, arguments: OutlineArguments) -> Reply:
    """List a file's definitions."""
    scope = resolve_file(service.projects().projects, caller, arguments.path, arguments.project)
    request = DocumentRequest(doc_id=scope.within, project_id=scope.project.project_id)
    data = service.outline(request)
    budget = budget_within(arguments.max_tokens, scope)
    symbols: list[SymbolLine] = []
    found = _joined(data.symbols)
    for line in found:
        if not budget.take(symbol_text(line) + "\n"):
            break
        symbols.append(line)
    answer = FileOutline(
        project=scope.project.name,
        root=scope.project.root,
        path=data.doc_id,
        language=data.language,
        symbols=symbols,
        truncated=len(symbols) < len(found),
    )
    return Reply(outline_text(answer, scope.notice), answer)


def read(service: LocalService, caller: Caller, arguments: ReadArguments) -> Reply:
    """Read lines of a file from disk."""
    if arguments.end_line is not None and arguments.end_line < arguments.start_line:
        raise InvalidInput(
            f"end_line {arguments.end_line} is before start_line {arguments.start_line}.",
            hint="Leave end_line out to read as far as max_tokens allows.",
        )
    scope = resolve_file(service.projects().projects, caller, arguments.path, arguments.project)
    request = ReadRequest(
        doc_id=scope.within,
        project_id=scope.project.project_id,
        start_line=arguments.start_line,
        end_line=arguments.end_line,
    )
    data = service.read(request)
    lines = [line.removesuffix("\r") for line in data.content.split("\n")]
    if lines[-1] == "":
        lines.pop()
    budget = budget_within(arguments.max_tokens, scope)
    taken = budget.head(lines)
    if lines and not taken:
        # One huge line: its start is better than silence.
        taken = [lines[0][: max(1, budget.left * 3)]]
    end = data.start_line + len(taken) - 1 if taken else data.end_line
    answer = ReadAnswer(
        project=scope.project.name,
        root=scope.project.root,
        path=data.doc_id,
        start_line=data.start_line,
        end_line=end,
        total_lines=data.total_lines,
        language=data.language,
        content="\n".join(taken),
        next_start_line=end + 1 if end < data.end_line else None,
    )
    return Reply(read_text(answer, scope.notice), answer)


def _joined(symbols: Sequence[OutlineSymbol]) -> list[SymbolLine]:
    """Return the symbols; one that was cut into several chunks is one line."""
    lines: list[SymbolLine] = []
    for symbol in symbols:
        line = SymbolLine(**symbol.model_dump())
        last = lines[-1] if lines else None
        if last and (last.symbol, last.signature) == (line.symbol, line.signature):
            lines[-1] = last.model_copy(update={"end_line": line.end_line})
        else:
            lines.append(line)
    return lines
