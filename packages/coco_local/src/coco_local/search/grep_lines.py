"""Lines of a grep's answer: each match with its context, long lines cut around what matches."""

from __future__ import annotations

from collections import deque

from coco_local.search.ripgrep import LineMatch
from coco_protocol.grep import GrepMatch, GrepRequest, GrepSpan

__all__ = ["GrepLines", "cut_around"]

# Of a cut line this share stands before the match: what follows a name tells more of it.
_BEFORE_SHARE = 3


class GrepLines:
    """Collects matches and context, given in the order of the files' lines."""

    def __init__(self, request: GrepRequest) -> None:
        """Start an answer to a request."""
        self.matches: list[GrepMatch] = []
        self.truncated = False
        """Whether there was a match beyond the limit."""
        self._limit = request.limit
        self._width = request.max_columns
        self._after = request.context if request.after is None else request.after
        before = request.context if request.before is None else request.before
        self._before: deque[tuple[str, int, str]] = deque(maxlen=before)

    def take(self, line: LineMatch) -> bool:
        """Take the next line; False when nothing more is wanted."""
        if line.kind == "context":
            text = cut_around(line.text, 0, 0, self._width)[0]
            self._before.append((line.doc_id, line.line, text))
            self._follow(line.doc_id, line.line, text)
            # The lines behind the last match are still wanted.
            return True
        for number, (text, spans) in enumerate(_by_line(line), line.line):
            if len(self.matches) == self._limit:
                self.truncated = True
                return False
            match = self._match(line.doc_id, number, text, spans)
            # The lines behind a match are those that follow it, whether they match or not.
            self._follow(line.doc_id, number, match.text)
            self.matches.append(match)
        return True

    def _match(
        self, doc_id: str, number: int, text: str, spans: list[tuple[int, int]]
    ) -> GrepMatch:
        start, end = spans[0] if spans else (0, 0)
        shown, offset = cut_around(text, start, end, self._width)
        inside = [(max(0, a - offset), min(len(shown), b - offset)) for a, b in spans]
        before = [
            (there, other)
            for path, there, other in self._before
            if path == doc_id and number - (self._before.maxlen or 0) <= there < number
        ]
        self._before.clear()
        return GrepMatch(
            path=doc_id,
            line=number,
            text=shown,
            before=[other for _, other in before],
            column=start + 1,
            start_column=offset + 1,
            line_length=len(text),
            spans=[GrepSpan(start=a, end=b) for a, b in inside if a < b],
        )

    def _follow(self, doc_id: str, number: int, text: str) -> None:
        """Give a line to the matches that it stands close behind."""
        for match in reversed(self.matches):
            if match.path != doc_id or number - match.line > self._after:
                break
            match.after.append(text)


def cut_around(text: str, start: int, end: int, width: int) -> tuple[str, int]:
    """Return ``width`` characters of a text around a part of it, and how many were left out before.

    The part itself is cut at its end when it is longer.
    """
    if len(text) <= width:
        return text, 0
    room = max(0, width - (end - start))
    first = max(0, min(start - room // _BEFORE_SHARE, len(text) - width))
    return text[first : first + width], first


def _by_line(match: LineMatch) -> list[tuple[str, list[tuple[int, int]]]]:
    """Return a match's lines, each with its part of what matches."""
    lines: list[tuple[str, list[tuple[int, int]]]] = []
    at = 0
    for raw in match.text.split("\n"):
        text = raw.removesuffix("\r")
        spans = [
            (max(0, start - at), min(len(text), end - at))
            for start, end in match.spans
            if start < at + len(text) and end > at
        ]
        lines.append((text, spans))
        at += len(raw) + 1
    return lines
