"""HTML made of elements, in which every text is escaped."""

from __future__ import annotations

import html
import io
import keyword
import tokenize
from collections.abc import Iterable, Iterator

__all__ = ["Html", "join", "python_code", "tag"]

_VOID = frozenset({"link", "meta"})


class Html(str):
    """Text that is HTML; any other text is escaped when it becomes part of an element."""

    __slots__ = ()


def tag(name: str, /, *children: object, **attributes: object) -> Html:
    """Return an element.

    Args:
        name: Its name.
        children: What is inside: HTML as it is, all else escaped; None is left out.
        attributes: Its attributes; `class_` is class, other underscores are hyphens, and one that
            is None is left out.
    """
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[object], separator: str = "") -> Html:
    """Return parts one after the other, escaped where they are not HTML."""
    return Html(separator.join(_escaped(part) for part in parts if part is not None))


def _escaped(part: object) -> str:
    return part if isinstance(part, Html) else html.escape(str(part))


def python_code(source: str) -> Html:
    """Return Python code with its keywords, strings, numbers and comments marked."""
    try:
        return join(_marked(source))
    except (tokenize.TokenError, SyntaxError):
        # Part of a statement, as the source of a lambda function may be.
        return join([source])


def _marked(source: str) -> Iterator[object]:
    lines = source.splitlines(keepends=True)
    line, column = 1, 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        (start_line, start_column), (end_line, end_column) = token.start, token.end
        kind = _kind(token)
        if kind is None or (start_line, start_column) < (line, column):
            continue
        yield _between(lines, (line, column), token.start)
        yield tag("span", _between(lines, token.start, token.end), class_=kind)
        line, column = end_line, end_column
    yield _between(lines, (line, column), (len(lines) + 1, 0))


def _kind(token: tokenize.TokenInfo) -> str | None:
    name = tokenize.tok_name[token.type]
    if name == "NAME":
        return "k" if keyword.iskeyword(token.string) else None
    if name == "STRING" or name.startswith("FSTRING"):
        return "s"
    return {"NUMBER": "n", "COMMENT": "c"}.get(name)


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return the text from one place to another, both as line (from 1) and column."""
    if start[0] == end[0]:
        return lines[start[0] - 1][start[1] : end[1]] if start[0] <= len(lines) else ""
    first = lines[start[0] - 1][start[1] :] if start[0] <= len(lines) else ""
    middle = "".join(lines[start[0] : end[0] - 1])
    last = lines[end[0] - 1][: end[1]] if end[0] <= len(lines) else ""
    return first + middle + last
