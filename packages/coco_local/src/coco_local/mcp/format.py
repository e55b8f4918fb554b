"""Text format of answers, compact for a model: path:lines, symbol, code."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coco_local.mcp.answers import (
    FileOutline,
    GrepAnswer,
    ProjectState,
    ReadAnswer,
    SearchAnswer,
    SearchHit,
    StatusAnswer,
    SymbolLine,
)
from coco_protocol.docs import GrepMatch

__all__ = [
    "TRAIL",
    "grep_file",
    "grep_text",
    "hit_text",
    "outline_text",
    "read_text",
    "search_text",
    "status_text",
    "symbol_text",
]

# A matching line longer than this is data or minified code; the start of it says enough.
MAX_LINE = 300
# Kinds that say something about a definition; that an assignment is a block of code does not.
TELLING_KINDS = frozenset({"function", "class", "method", "table"})
# What stands between the headings above a section.
TRAIL = " > "

EMPTY = {
    "nothing_indexed": "The project is not indexed yet: try again in a moment; grep works already.",
    "filtered_out": "Everything that matches was left out by the filters: loosen languages, "
    "include, exclude, kinds or path.",
    "no_match": "Nothing matches. Try other words, a symbol, or grep for an exact string.",
}


def hit_text(hit: SearchHit) -> str:
    """Return one result: a header line, then its text."""
    lines = f":{hit.start_line}-{hit.end_line}" if hit.start_line is not None else ""
    symbol = f" {_short(hit.symbol)}" if hit.symbol else ""
    within = f"in {_short(hit.within)}\n" if hit.within else ""
    return f"--- {hit.path}{lines}{symbol}\n{within}{hit.content.strip(chr(10))}\n"


def search_text(answer: SearchAnswer, *, seen: int = 0) -> str:
    """Return the results of a search; ``seen`` is the offset that was asked for."""
    parts = [_notice(answer.notice)] if answer.notice else []
    parts.extend(hit_text(hit) for hit in answer.results)
    if not answer.results:
        if seen and answer.empty_reason in (None, "no_match"):
            parts.append(f"No more results after offset {seen}.\n")
        else:
            parts.append(EMPTY[answer.empty_reason or "no_match"] + "\n")
    elif answer.results[-1].cut:
        last = answer.results[-1]
        parts.append(f"(cut to fit max_tokens; read {last.path} for the rest)\n")
    if answer.next_offset is not None:
        parts.append(f"More: offset={answer.next_offset}\n")
    return "".join(parts).rstrip("\n")


def symbol_text(symbol: SymbolLine) -> str:
    """Return one line of an outline, indented by its nesting."""
    named = f"{symbol.kind} {symbol.symbol}" if symbol.kind in TELLING_KINDS else symbol.symbol
    what = symbol.signature or named
    depth = symbol.symbol.count(".")
    trail = symbol.signature.split(TRAIL)
    if trail[-1] == symbol.symbol:
        # A heading: its place in the document is its depth, not a repetition of those above.
        what, depth = symbol.symbol, len(trail) - 1
    return f"{'  ' * depth}{symbol.line}-{symbol.end_line} {_short(what)}"


def outline_text(answer: FileOutline, notice: str | None) -> str:
    """Return the definitions of a file."""
    lines = [_notice(notice).rstrip("\n")] if notice else []
    if not answer.symbols:
        lines.append(f"{answer.path} ({answer.language}): no definitions or headings; read it.")
        return "\n".join(lines)
    lines.append(f"{answer.path} ({answer.language})")
    lines.extend(symbol_text(symbol) for symbol in answer.symbols)
    if answer.truncated:
        last = answer.symbols[-1].end_line
        lines.append(f"(cut to fit max_tokens; more definitions follow line {last})")
    return "\n".join(lines)


def grep_file(path: str, matches: Sequence[GrepMatch]) -> list[str]:
    """Return a file's matches as lines: ``12: match``, ``13- context``, ``--`` between groups."""
    shown: dict[int, str] = {}
    for match in matches:
        first = match.line - len(match.before)
        for number, text in enumerate(match.before, first):
            shown.setdefault(number, f"{number}- {_short(text)}")
        for number, text in enumerate(match.after, match.line + 1):
            shown.setdefault(number, f"{number}- {_short(text)}")
    for match in matches:
        shown[match.line] = f"{match.line}: {_short(match.text)}"
    context = any(match.before or match.after for match in matches)
    lines = [path]
    previous: int | None = None
    for number in sorted(shown):
        if context and previous is not None and number > previous + 1:
            lines.append("--")
        lines.append(shown[number])
        previous = number
    return lines


def grep_text(blocks: Iterable[Sequence[str]], answer: GrepAnswer, notice: str | None) -> str:
    """Return the matches, grouped by file."""
    lines = [_notice(notice).rstrip("\n")] if notice else []
    for block in blocks:
        lines.extend(block)
    if not answer.matches and not answer.truncated:
        lines.append("No line matches.")
    elif not answer.matches:
        lines.append("There are matches, but none fits max_tokens: raise it.")
    elif answer.truncated:
        count = len(answer.matches)
        lines.append(f"(first {count} matches; narrow pattern, path or include to see others)")
    return "\n".join(lines)


def read_text(answer: ReadAnswer, notice: str | None) -> str:
    """Return the lines of a file under a header that says which they are."""
    head = _notice(notice) if notice else ""
    if answer.total_lines == 0:
        return f"{head}--- {answer.path}: empty file"
    span = f"{answer.start_line}-{answer.end_line} of {answer.total_lines}"
    more = f"\nMore: start_line={answer.next_start_line}" if answer.next_start_line else ""
    return f"{head}--- {answer.path}:{span}\n{answer.content.rstrip(chr(10))}{more}"


def status_text(answer: StatusAnswer) -> str:
    """Return the state of CoCo and of each project, one line each."""
    lines = [f"CoCo {answer.version}; model {answer.model}: {answer.model_state}"]
    if answer.notice:
        lines.append(_notice(answer.notice).rstrip("\n"))
    if not answer.projects:
        lines.append("No project yet. Import one: coco import PATH")
    lines.extend(_project_line(project, answer.current) for project in answer.projects)
    return "\n".join(lines)


def _project_line(project: ProjectState, current: str | None) -> str:
    mark = "* " if project.project_id == current else "  "
    total = max(project.files_total, project.files)
    line = f"{mark}{project.name} {project.state}: {project.files}/{total} files, "
    line += f"{project.embedded}/{project.chunks} chunks with vectors"
    if project.pending_files:
        line += f", {project.pending_files} pending"
    if project.skipped:
        line += f", {project.skipped} skipped"
    if project.error:
        line += f", error: {project.error}"
    return f"{line} ({project.root})"


def _notice(text: str) -> str:
    """Return a notice on one line, whatever it was."""
    return f"[{' '.join(text.split())}]\n"


def _short(text: str) -> str:
    line = text.rstrip("\r\n")
    return line if len(line) <= MAX_LINE else f"{line[:MAX_LINE]}…"
