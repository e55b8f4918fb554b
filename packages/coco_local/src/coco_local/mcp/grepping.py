"""Tool `grep`: lines that contain a text, within a token budget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from coco_core.globs import globs_below
from coco_local.client.grep_view import shown_lines
from coco_local.mcp.answers import GrepAnswer, GrepFile, GrepHit
from coco_local.mcp.arguments import GrepArguments
from coco_local.mcp.budget import Budget
from coco_local.mcp.format import notice_line
from coco_local.mcp.reply import Reply, budget_within
from coco_local.mcp.scope import Caller, Scope, resolve_project
from coco_protocol.grep import GrepData, GrepMatch, GrepRequest
from coco_protocol.local import LocalService

__all__ = ["EMPTY", "grep"]

# A longer line is data or minified code; what stands around the match says enough.
MAX_LINE = 300

EMPTY = {
    "no_files": "The project has no text file to search.",
    "no_such_path": "No file that is searched is at that path: correct path or include.",
    "no_such_language": "No file is in that language.",
    "filtered_out": "No file passes path, include and exclude together: loosen them.",
    "taken_as_text": "No line contains {pattern!r} as text; for a regular expression pass "
    "regex=true.",
    "no_match": "No line matches {pattern!r}.",
}


def grep(service: LocalService, caller: Caller, arguments: GrepArguments) -> Reply:
    """Find every line that matches."""
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    request = GrepRequest(
        pattern=arguments.pattern,
        project_id=scope.project.project_id,
        regex=arguments.regex,
        case_sensitive=arguments.case_sensitive,
        word=arguments.word,
        include=globs_below(scope.within, arguments.include),
        exclude=arguments.exclude,
        context=arguments.context,
        output="counts" if arguments.count else "lines",
        ignored=arguments.ignored,
        limit=arguments.limit,
        max_columns=MAX_LINE,
    )
    data = service.grep(request)
    budget = budget_within(arguments.max_tokens, scope)
    blocks, answer = _fitted(scope, data, budget)
    return Reply(_text(blocks, answer, scope.notice, arguments.pattern), answer)


def _fitted(scope: Scope, data: GrepData, budget: Budget) -> tuple[list[Sequence[str]], GrepAnswer]:
    """Take as much of an answer as the budget pays for."""
    budget.take(data.notice or "")
    blocks: list[Sequence[str]] = []
    shown: list[GrepHit] = []
    counts: list[GrepFile] = []
    for path, group in groupby(data.matches, key=lambda match: match.path):
        matches = list(group)
        # A file that does not fit whole is shown as far as it does.
        while matches and not budget.take("\n".join(_file(path, matches)) + "\n"):
            matches = matches[: len(matches) // 2]
        if not matches:
            break
        blocks.append(_file(path, matches))
        shown.extend(GrepHit(path=path, line=m.line, text=m.text) for m in matches)
    for each in data.counts:
        line = f"{each.path}: {each.lines}"
        if not budget.take(line + "\n"):
            break
        blocks.append([line])
        counts.append(GrepFile(path=each.path, lines=each.lines))
    cut = len(shown) < len(data.matches) or len(counts) < len(data.counts)
    return blocks, GrepAnswer(
        project=scope.project.name,
        root=scope.project.root,
        matches=shown,
        counts=counts,
        truncated=data.truncated or cut,
        notice=data.notice,
        empty_reason=data.empty_reason,
    )


def _file(path: str, matches: Sequence[GrepMatch]) -> list[str]:
    """Return a file's matches as lines: ``12: match``, ``13- context``, ``--`` between groups."""
    around = any(match.before or match.after for match in matches)
    lines = [path]
    for line in shown_lines(matches):
        if around and line.apart:
            lines.append("--")
        lines.append(f"{line.number}{':' if line.matches else '-'} {line.text}")
    return lines


def _text(
    blocks: Iterable[Sequence[str]], answer: GrepAnswer, notice: str | None, pattern: str
) -> str:
    """Return the matches, grouped by file."""
    lines = [notice_line(each).rstrip("\n") for each in (notice, answer.notice) if each]
    for block in blocks:
        lines.extend(block)
    found = len(answer.matches) or len(answer.counts)
    if not found and not answer.truncated:
        lines.append(EMPTY[answer.empty_reason or "no_match"].format(pattern=pattern))
    elif not found:
        lines.append("There are matches, but none fits max_tokens: raise it.")
    elif answer.truncated:
        kind = "files" if answer.counts else "matches"
        lines.append(f"(first {found} {kind}; narrow pattern, path or include to see others)")
    return "\n".join(lines)
