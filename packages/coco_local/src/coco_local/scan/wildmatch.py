"""Git's glob language as regular expressions over bytes, quirks included.

Git matches bytes, so do these: ``?`` is one byte of a multi-byte letter. A test compares every rule
with the real ``git ls-files`` on generated trees.
"""

from __future__ import annotations

import re
import string
from typing import Final, NamedTuple

__all__ = ["SPECIAL", "literal_length", "translate"]

SPECIAL: Final = frozenset(b"*?[\\")
"""Bytes that end the literal prefix of a pattern."""

_SLASH: Final = 0x2F
_NEVER: Final = b"(?!)"

_CLASSES: Final[dict[bytes, frozenset[int]]] = {
    name.encode(): frozenset(members.encode())
    for name, members in {
        "alnum": string.ascii_letters + string.digits,
        "alpha": string.ascii_letters,
        "blank": " \t",
        "cntrl": "".join(map(chr, [*range(32), 127])),
        "digit": string.digits,
        "graph": string.ascii_letters + string.digits + string.punctuation,
        "lower": string.ascii_lowercase,
        "print": string.ascii_letters + string.digits + string.punctuation + " ",
        "punct": string.punctuation,
        "space": " \t\n\v\f\r",
        "upper": string.ascii_uppercase,
        "xdigit": string.hexdigits,
    }.items()
}


class _Malformed(Exception):
    """The pattern can match nothing."""


def literal_length(pattern: bytes) -> int:
    """Return the number of bytes before the first special one."""
    return next((at for at, byte in enumerate(pattern) if byte in SPECIAL), len(pattern))


def translate(pattern: bytes, *, pathname: bool) -> bytes:
    """Return a regular expression for a full match, without capturing groups.

    With ``pathname``, ``*``, ``?`` and sets stop at a slash and ``**`` crosses directories.
    """
    try:
        return _translate(pattern, pathname)
    except _Malformed:
        return _NEVER


class _Star(NamedTuple):
    """A run of stars."""

    expression: bytes
    """What it stands for, as little as possible first."""
    crosses: bool
    """Whether it crosses directories."""


def _translate(pattern: bytes, pathname: bool) -> bytes:
    any_one = b"[^/]" if pathname else b"."
    # Git compares the literal prefix apart and hands the matcher the rest, so that a ** right
    # behind the prefix counts as one at the start: "foo**/bar" crosses directories.
    start = literal_length(pattern)
    items: list[bytes | _Star] = [re.escape(pattern[:start])]
    at = start
    while at < len(pattern):
        byte = pattern[at]
        if byte == ord("*"):
            star, at = _stars(pattern, at, start, pathname)
            items.append(star)
        elif byte == ord("?"):
            items.append(any_one)
            at += 1
        elif byte == ord("["):
            members, at = _bracket(pattern, at)
            items.append(_set(members - {_SLASH} if pathname else members))
        else:
            if byte == ord("\\"):
                at += 1
                if at == len(pattern):
                    raise _Malformed
            items.append(re.escape(pattern[at : at + 1]))
            at += 1
    return _join(items)


def _join(items: list[bytes | _Star]) -> bytes:
    """Join the parts so that matching never takes more than quadratic time.

    What stands between two stars may be taken at the first place where it fits, once and for all:
    the second star makes up for the rest. So a star and what follows it, up to the next star of
    at least the same reach, become an atomic group. Without that, a pattern such as ``*a*a*a*a*b``
    from a stranger's repository could hold the daemon for hours.
    """
    sections: list[list[bytes | _Star]] = [[]]
    for item in items:
        if isinstance(item, _Star) and item.crosses:
            sections.append([])
        sections[-1].append(item)
    done = [
        _atomic(_section(section), more=index + 1 < len(sections))
        for index, section in enumerate(sections)
    ]
    return b"".join(done)


def _section(items: list[bytes | _Star]) -> bytes:
    """Join parts of which only the first may cross directories."""
    opener = b""
    parts: list[bytes] = [b""]
    for item in items:
        if not isinstance(item, _Star):
            parts[-1] += item
        elif item.crosses:
            opener = item.expression
        else:
            parts.append(item.expression)
    last = len(parts) - 1
    rest = [_atomic(part, more=index < last) for index, part in enumerate(parts) if index]
    return opener + parts[0] + b"".join(rest)


def _atomic(expression: bytes, *, more: bool) -> bytes:
    return b"(?>" + expression + b")" if more and expression else expression


def _stars(pattern: bytes, at: int, start: int, pathname: bool) -> tuple[_Star, int]:
    """Translate the run of stars at ``at``; return where to go on."""
    end = at
    while end < len(pattern) and pattern[end] == ord("*"):
        end += 1
    if not pathname:
        return _Star(b".*?", crosses=False), end
    opened = at == start or pattern[at - 1] == _SLASH
    closed = end == len(pattern) or pattern[end] == _SLASH or pattern[end : end + 2] == b"\\/"
    if end - at < 2 or not opened or not closed:
        return _Star(b"[^/]*?", crosses=False), end
    if end < len(pattern) and pattern[end] == _SLASH:
        return _Star(b"(?:.*?/)??", crosses=True), end + 1
    return _Star(b".*?", crosses=True), end


def _set(members: frozenset[int]) -> bytes:
    if not members:
        return _NEVER
    return b"[" + b"".join(b"\\x%02x" % byte for byte in sorted(members)) + b"]"


def _bracket(pattern: bytes, at: int) -> tuple[frozenset[int], int]:
    """Read the set that opens at ``at``; return its members and the place behind it."""
    at += 1
    negated = pattern[at : at + 1] in {b"!", b"^"}
    at += negated
    members: set[int] = set()
    previous = 0
    first = True
    while True:
        if at >= len(pattern):
            raise _Malformed
        byte = pattern[at]
        if byte == ord("]") and not first:
            break
        first = False
        if byte == ord("\\"):
            at += 1
            previous = _byte(pattern, at)
            members.add(previous)
        elif byte == ord("-") and previous and pattern[at + 1 : at + 2] not in {b"", b"]"}:
            at += 1
            if pattern[at] == ord("\\"):
                at += 1
            members.update(range(previous, _byte(pattern, at) + 1))
            previous = 0
        elif pattern[at : at + 2] == b"[:":
            close = pattern.find(b"]", at + 2)
            if close < 0:
                raise _Malformed
            if close == at + 2 or pattern[close - 1] != ord(":"):
                members.add(byte)
                previous = byte
            else:
                named = _CLASSES.get(pattern[at + 2 : close - 1])
                if named is None:
                    raise _Malformed
                members |= named
                previous = 0
                at = close
        else:
            members.add(byte)
            previous = byte
        at += 1
    every = frozenset(range(1, 256))
    return (every - members if negated else frozenset(members)), at + 1


def _byte(pattern: bytes, at: int) -> int:
    if at >= len(pattern):
        raise _Malformed
    return pattern[at]
