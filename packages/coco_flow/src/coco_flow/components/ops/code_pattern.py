r"""Patterns of code: code with holes, matched against the tokens of a source.

`\NAME` is a hole for one node, `\(NAME\)` the same. `\(NAME*\)` is a hole for any number of
neighboring nodes, `\(NAME+\)` for at least one, `\(NAME?\)` for one at most. `\(NAME:/RE/\)` fits
only if the regular expression matches its whole text. Without a name, or with the name `_`, nothing
is captured; a name that is used twice must match the same text. `\\` is a backslash. All else
is literal; white space counts only where tokens need it.

A match covers a node, or neighboring nodes inside one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

from coco_flow.components.ops.code_tree import CodeTree, Node

__all__ = ["Match", "Pattern"]

Span: TypeAlias = tuple[int, int]


class Match(NamedTuple):
    """Where a pattern matched, in bytes, and what its holes matched."""

    kind: str
    start: int
    end: int
    captures: dict[str, Span]


class _Hole(NamedTuple):
    name: str
    quantity: str
    regex: re.Pattern[str] | None


_Captures: TypeAlias = dict[str, Span]
# A place in the pattern: a part, and a character if the part is text.
_At: TypeAlias = tuple[int, int]

_HOLE = re.compile(r"(?P<name>\w*)(?P<early>[*+?]?)(?:\s*:\s*(?P<regex>.*?))?", re.DOTALL)


class Pattern:
    """A pattern that was taken apart."""

    def __init__(self, source: str) -> None:
        """Take a pattern apart.

        Raises:
            ValueError: A hole is not well-formed.
        """
        self.source = source
        self.parts: list[str | _Hole] = list(_parse(source))

    def required_terms(self, min_len: int) -> list[str]:
        """Return the words of the pattern that every match contains."""
        texts = [part for part in self.parts if isinstance(part, str)]
        words = [word for text in texts for word in re.findall(r"\w+", text)]
        return [word for word in dict.fromkeys(words) if len(word) >= min_len]

    def matches(self, tree: CodeTree) -> list[Match]:
        """Return all matches, by their end; what is inside another comes before it."""
        if not self.parts:
            return []
        matcher = _Matcher(self.parts, tree)
        found: dict[Span, Match] = {}
        for parent in (*tree.nodes, tree.above):
            for position, child in enumerate(parent.children):
                for last, captures in matcher.runs(parent, position):
                    run = parent.children[position : last + 1]
                    if len(run) > 1 and len(run) == len(parent.children):
                        start, end = parent.start, parent.end
                    else:
                        start, end = child.start, run[-1].end
                    kind = child.kind if len(run) == 1 and child.named else parent.kind
                    # Of several nodes with one text, the innermost is named.
                    found.setdefault((start, end), Match(kind, start, end, captures))
        return sorted(found.values(), key=lambda match: (match.end, -match.start))


def _parse(source: str) -> Iterator[str | _Hole]:
    text: list[str] = []
    at = 0
    while at < len(source):
        if source[at] != "\\" or source.startswith("\\\\", at):
            text.append(source[at])
            at += 2 if source[at] == "\\" else 1
            continue
        if text:
            yield "".join(text)
            text = []
        hole, at = _parse_hole(source, at + 1)
        yield hole
    if "".join(text).strip():
        yield "".join(text)


def _parse_hole(source: str, at: int) -> tuple[_Hole, int]:
    if not source.startswith("(", at):
        name = re.compile(r"\w+").match(source, at)
        if name is None:
            raise ValueError(
                f"A backslash at character {at} of the pattern {source!r} begins no hole; write "
                "\\NAME for a hole, or \\\\ for a backslash."
            )
        return _Hole(name.group(), "", None), name.end()
    end = source.find("\\)", at)
    if end < 0:
        raise ValueError(
            f"The hole at character {at} of the pattern {source!r} has no end; write \\(NAME\\)."
        )
    inside = source[at + 1 : end]
    found = _HOLE.fullmatch(inside if not inside.startswith("/") else ":" + inside)
    if found is None:
        raise ValueError(
            f"{inside!r} in the pattern {source!r} is no hole; write \\(NAME\\), \\(NAME*\\) or "
            "\\(NAME:/REGEX/\\)."
        )
    regex, quantity = found["regex"], found["early"]
    if regex is not None:
        if regex[-1:] in "*+?" and regex[-2:-1] == "/":
            regex, quantity = regex[:-1], regex[-1]
        if len(regex) < 2 or not (regex.startswith("/") and regex.endswith("/")):
            raise ValueError(f"A hole is limited by a regex between slashes, not by {regex!r}.")
    try:
        compiled = None if regex is None else re.compile(regex[1:-1])
    except re.error as error:
        raise ValueError(f"invalid regex {regex}: {error}") from error
    return _Hole(found["name"], quantity, compiled), end + 2


class _Matcher:
    """Matches one pattern against one source."""

    def __init__(self, parts: list[str | _Hole], tree: CodeTree) -> None:
        self._parts = parts
        self._tree = tree
        # The ways to match from a token on, as far as they were computed.
        self._known: dict[int, list[tuple[int, _Captures]]] = {}

    def runs(self, parent: Node, position: int) -> Iterator[tuple[int, _Captures]]:
        """Yield the last of the nodes that matches from one of them on cover.

        That is the node alone, and the longest run of it and its next neighbors.
        """
        children = parent.children
        ends = {children[index].last: index for index in range(position, len(children))}
        longer = False
        alone = False
        for end, captures in self._ways(children[position].first):
            last = ends.get(end)
            if last is None or (alone if last == position else longer):
                continue
            yield last, captures
            if last == position:
                alone = True
            else:
                longer = True

    def _ways(self, token: int) -> list[tuple[int, _Captures]]:
        known = self._known.get(token)
        if known is None:
            known = self._known[token] = list(self._search(token))
        return known

    def _search(self, token: int) -> Iterator[tuple[int, _Captures]]:
        """Yield where matches from a token on end, those first whose holes hold more."""
        stack: list[tuple[_At, int, _Captures]] = [((0, 0), token, {})]
        while stack:
            (index, offset), token, captures = stack.pop()
            if index == len(self._parts):
                yield token, captures
                continue
            part = self._parts[index]
            if isinstance(part, str):
                stack += self._read_text(part, index, offset, token, captures)
            else:
                # The last one is looked at first.
                stack += reversed(list(self._fill(part, index, token, captures)))

    def _read_text(
        self, part: str, index: int, offset: int, token: int, captures: _Captures
    ) -> list[tuple[_At, int, _Captures]]:
        tokens = self._tree.tokens
        if not part[offset:].strip():
            return [((index + 1, 0), token, captures)]
        if token >= len(tokens):
            return []
        text = tokens[token].text
        # A token in quotes may begin with a blank.
        if not part.startswith(text, offset):
            offset += len(part) - offset - len(part[offset:].lstrip())
            if not part.startswith(text, offset):
                return []
        end = offset + len(text)
        # One word of the pattern is not two of the source.
        if end < len(part) and _is_word(text[-1]) and _is_word(part[end]):
            following = tokens[token + 1].start if token + 1 < len(tokens) else None
            if following != tokens[token].end:
                return []
        return [((index, end), token + 1, captures)]

    def _fill(
        self, hole: _Hole, index: int, token: int, captures: _Captures
    ) -> Iterator[tuple[_At, int, _Captures]]:
        after = (index + 1, 0)
        for start, end, last in self._contents(hole, token):
            text = self._tree.text(start, end)
            if hole.regex is not None and not hole.regex.fullmatch(text):
                continue
            if hole.name in {"", "_"}:
                yield after, last, captures
            elif hole.name not in captures:
                yield after, last, {**captures, hole.name: (start, end)}
            elif self._tree.text(*captures[hole.name]) == text:
                yield after, last, captures

    def _contents(self, hole: _Hole, token: int) -> Iterator[tuple[int, int, int]]:
        """Yield what a hole may hold, the most first: bytes, and the token after it."""
        tree = self._tree
        nodes = tree.starting[token] if token < len(tree.tokens) else []
        if hole.quantity in {"", "?"}:
            for node, _, _ in nodes:
                if node.named:
                    yield node.start, node.end, node.last
        else:
            seen: set[int] = set()
            for node, parent, position in nodes:
                for sibling in reversed(parent.children[position:]):
                    if sibling.last not in seen:
                        seen.add(sibling.last)
                        yield node.start, sibling.end, sibling.last
        if hole.quantity in {"*", "?"}:
            at = tree.tokens[token].start if token < len(tree.tokens) else tree.root.end
            yield at, at, token


def _is_word(character: str) -> bool:
    return character.isalnum() or character == "_"
