"""Git's glob language as regular expressions over bytes, quirks included.

Git matches bytes, so do these: ``?`` is one byte of a multi-byte letter. A test compares every rule
with the real ``git ls-files`` on generated trees.
"""

from __future__ import annotations

import re
import string
from typing import Final

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


def _translate(pattern: bytes, pathname: bool) -> bytes:
    any_one = b"[^/]" if pathname else b"."
    # Git compares the literal prefix apart and hands the matcher the rest, so that a ** right
    # behind the prefix counts as one at the start: "foo**/bar" crosses directories.
    start = literal_length(pattern)
    out = [re.escape(pattern[:start])]
    at = start
    while at < len(pattern):
        byte = pattern[at]
        if byte == ord("*"):
            end = at
            while end < len(pattern) and pattern[end] == ord("*"):
                end += 1
            stars, at = _stars(pattern, at, end, start, pathname)
            out.append(stars)
        elif byte == ord("?"):
            out.append(any_one)
            at += 1
        elif byte == ord("["):
            members, at = _bracket(pattern, at)
            out.append(_set(members - {_SLASH} if pathname else members))
        else:
            if byte == ord("\\"):
                at += 1
                if at == len(pattern):
                    raise _Malformed
            out.append(re.escape(pattern[at : at + 1]))
            at += 1
    return b"".join(out)


def _stars(pattern: bytes, at: int, end: int, start: int, pathname: bool) -> tuple[bytes, int]:
    """Translate the run of stars in ``pattern[at:end]``; return where to go on."""
    if not pathname:
        return b".*", end
    opened = at == start or pattern[at - 1] == _SLASH
    closed = end == len(pattern) or pattern[end] == _SLASH or pattern[end : end + 2] == b"\\/"
    if end - at < 2 or not opened or not closed:
        return b"[^/]*", end
    if end < len(pattern) and pattern[end] == _SLASH:
        return b"(?:.*/)?", end + 1
    return b".*", end


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
