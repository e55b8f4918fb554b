"""Tool `grep`: lines that contain a text, within a token budget."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from itertools import groupby

from coco_core.globs import globs_below
from coco_local.client.grep_view import shown_lines
from coco_local.mcp.arguments import GrepArguments
from coco_local.mcp.budget import Budget, estimate_tokens, notice_line
from coco_local.mcp.missing import known_languages, require_path
from coco_local.mcp.scope import Caller, plain_globs, resolve_project
from coco_protocol.grep import GrepCount, GrepMatch, GrepRequest
from coco_protocol.local import LocalService

__all__ = ["EMPTY", "grep"]

# A longer line is data or minified code; what stands around the match says enough.
MAX_LINE = 300
FIRST = "(first {} {}; narrow pattern, path or include to see others)"
MOST_MATCHES = 9_999
NONE_FITS = "There are matches, but none fits max_tokens: raise it."

EMPTY = {
    "no_files": "The project has no text file to search.",
    "no_such_path": "No file that is searched is at that path: correct path or include.",
    "no_such_language": "No file is in that language.",
    "filtered_out": "No file passes path, include and exclude together: loosen them.",
    "taken_as_text": "No line contains {pattern!r} as text; for a regular expression pass "
    "regex=true.",
    "no_match": "No line matches {pattern!r}.",
}


def grep(service: LocalService, caller: Caller, arguments: GrepArguments) -> str:
    """Find every line that matches."""
    scope = resolve_project(
        service.projects().projects, caller, project=arguments.project, path=arguments.path
    )
    require_path(service, scope)
    request = GrepRequest(
        pattern=arguments.pattern,
        project_id=scope.project.project_id,
        regex=arguments.regex,
        case_sensitive=arguments.case_sensitive,
        word=arguments.word,
        include=globs_below(scope.within, plain_globs(scope.project, arguments.include)),
        exclude=plain_globs(scope.project, arguments.exclude),
        languages=known_languages(service, arguments.languages),
        since_revision=arguments.since or None,
        context=arguments.context,
        output="counts" if arguments.count else "lines",
        ignored=arguments.ignored,
        limit=arguments.limit,
        max_columns=MAX_LINE,
    )
    data = service.grep(request)
    budget = Budget(arguments.max_tokens)
    said = " ".join(each for each in (scope.notice, data.notice) if each)
    head = notice_line(budget, said)
    if data.empty_reason is not None:
        reason = EMPTY[data.empty_reason].format(pattern=arguments.pattern)
        if data.ignored_files:
            reason += " Pass ignored=true to search ignored files, too."
        return head + budget.clip(reason)
    budget.take(FIRST.format(MOST_MATCHES, "matches") + "\n")
    if data.counts:
        lines, count = _counts(data.counts, budget), len(data.counts)
        shown, kind = len(lines), "files"
    else:
        lines, shown = _matches(data.matches, budget)
        count, kind = len(data.matches), "matches"
    if data.truncated or shown < count:
        lines.append(FIRST.format(shown, kind) if shown else NONE_FITS)
    return head + "\n".join(lines)


def _counts(counts: Sequence[GrepCount], budget: Budget) -> list[str]:
    return budget.head([f"{each.path}: {each.lines}" for each in counts])


def _matches(matches: Sequence[GrepMatch], budget: Budget) -> tuple[list[str], int]:
    """Return as many lines as the budget pays for, and of how many matches they are."""
    lines: list[str] = []
    count = 0
    for path, group in groupby(matches, key=lambda match: match.path):
        found = list(group)
        # A file that does not fit whole is shown as far as it does.
        fitting = _fitting(path, found, budget)
        lines.extend(_file(path, found[:fitting]) if fitting else [])
        count += fitting
        if fitting < len(found):
            break
    return lines, count


def _fitting(path: str, matches: Sequence[GrepMatch], budget: Budget) -> int:
    """Pay for as many of a file's matches as fit, and return how many."""

    def cost(count: int) -> int:
        return estimate_tokens("\n".join(_file(path, matches[:count])) + "\n")

    fitting = bisect.bisect_right(range(1, len(matches) + 1), budget.left, key=cost)
    if fitting:
        budget.left -= cost(fitting)
    return fitting


def _file(path: str, matches: Sequence[GrepMatch]) -> list[str]:
    """Return a file's matches as lines: ``12: match``, ``13- context``, ``--`` between groups."""
    around = any(match.before or match.after for match in matches)
    lines = [path]
    for line in shown_lines(matches):
        if around and line.apart:
            lines.append("--")
        lines.append(f"{line.number}{':' if line.matches else '-'} {line.text}")
    return lines
