"""Grep: lines of a project's files that contain a text or match an expression."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import closing

from coco_local.indexing.indexer import ProjectIndexer
from coco_local.search.grep_files import (
    GrepFiles,
    Wanted,
    ignored_matches,
    too_large_notice,
    unsearched,
)
from coco_local.search.grep_lines import GrepLines
from coco_local.search.ripgrep import LineMatch
from coco_local.search.text_search import (
    any_line_end,
    count_text,
    literal_pattern,
    search_text,
)
from coco_protocol.grep import GrepCount, GrepData, GrepEmptyReason, GrepRequest

__all__ = ["grep_project"]

# What an answer that found nothing may spend on ignored files, of which there can be many times as
# many as others, and what one that was asked for them may.
_GLANCE_SECONDS = 1.0
_SECONDS = 10.0

# Signs that a pattern which was taken as text was meant as an expression.
_LIKE_EXPRESSION = re.compile(r"\||\.[*+?]|\\[wdsbWDSBAzn.(\[]|\[[^\]]+\]|^\^|\$$|\(\?|\)[*+?]")


def grep_project(indexer: ProjectIndexer, request: GrepRequest) -> GrepData:
    """Search the text files of a project as they are on disk now.

    Raises:
        InvalidInput: the pattern, a glob or a language is not valid.
        Unavailable: the search took too long.
    """
    wanted = Wanted(indexer.project.root, request)
    arguments, patterns = _arguments(request), [_pattern(request)]
    ignored: dict[str, str] = {}
    complete = True
    if request.ignored:
        ignored, complete = ignored_matches(indexer, wanted, arguments, patterns, _SECONDS)
    files = GrepFiles.of(indexer, wanted, ignored)
    if request.output == "counts":
        data = _counts(indexer, request, arguments, patterns, files)
    else:
        data = _lines(indexer, request, arguments, patterns, files)
    notices = [files.notice]
    reason: GrepEmptyReason | None = None
    if not data.matches and not data.counts:
        notices.append(too_large_notice(files.too_large))
        reason = files.empty_reason or _why_no_line(request)
        if not request.ignored:
            ignored, complete = ignored_matches(
                indexer, wanted, arguments, patterns, _GLANCE_SECONDS
            )
            notices.append(unsearched(ignored, complete=complete))
    elif not complete:
        notices.append("There was no time to search all ignored files.")
    notice = " ".join(each for each in notices if each)
    return data.model_copy(
        update={
            "empty_reason": reason,
            "notice": notice or None,
            "ignored_files": 0 if request.ignored or reason is None else len(ignored),
        }
    )


def _lines(
    indexer: ProjectIndexer,
    request: GrepRequest,
    arguments: list[str],
    patterns: list[str],
    files: GrepFiles,
) -> GrepData:
    lines = GrepLines(request)
    # One line more than asked shows that there are more.
    arguments = [*arguments, *_around(request), "--max-count", str(request.limit + 1)]

    def found() -> Generator[LineMatch]:
        for chosen in (files.indexed, files.others):
            with closing(
                search_text(indexer.project.root, arguments, patterns, chosen)
            ) as matching:
                yield from matching

    with closing(found()) as matching:
        for line in matching:
            if not lines.take(line):
                break
    return GrepData(matches=lines.matches, truncated=lines.truncated)


def _counts(
    indexer: ProjectIndexer,
    request: GrepRequest,
    arguments: list[str],
    patterns: list[str],
    files: GrepFiles,
) -> GrepData:
    counts: list[GrepCount] = []
    for chosen in (files.indexed, files.others):
        found = count_text(indexer.project.root, arguments, patterns, chosen)
        counts += [GrepCount(path=name, lines=lines) for name, lines in sorted(found.items())]
    return GrepData(counts=counts[: request.limit], truncated=len(counts) > request.limit)


def _why_no_line(request: GrepRequest) -> GrepEmptyReason:
    taken = not request.regex and _LIKE_EXPRESSION.search(request.pattern) is not None
    return "taken_as_text" if taken else "no_match"


def _pattern(request: GrepRequest) -> str:
    if request.regex:
        return any_line_end(request.pattern)
    return literal_pattern(request.pattern) if "\n" in request.pattern else request.pattern


def _arguments(request: GrepRequest) -> list[str]:
    arguments: list[str] = []
    if not request.regex and "\n" not in request.pattern:
        arguments.append("--fixed-strings")
    if request.case_sensitive is None:
        arguments.append("--smart-case")
    else:
        arguments.append("--case-sensitive" if request.case_sensitive else "--ignore-case")
    if request.word:
        arguments.append("--word-regexp")
    if request.multiline:
        arguments.append("--multiline")
    return arguments


def _around(request: GrepRequest) -> list[str]:
    before = request.context if request.before is None else request.before
    after = request.context if request.after is None else request.after
    return ["--before-context", str(before), "--after-context", str(after)]
