"""Texts in headers: names of users and groups, which need not be ASCII."""

from __future__ import annotations

__all__ = ["header_text", "is_name"]

_LONGEST_NAME = 200


def header_text(value: str) -> str:
    """Return a header's text, which clients send as UTF-8 and ASGI frameworks read as Latin-1.

    Read as Latin-1, ``zoë`` would be another user than the one in allow lists, in tokens and in
    paths. What is no UTF-8 stays as it is, and so does what has been read rightly before.
    """
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value


def is_name(value: object) -> bool:
    """Whether an allow list can hold a name: no database stores NUL, or half of a pair."""
    if not isinstance(value, str) or not 1 <= len(value) <= _LONGEST_NAME or "\0" in value:
        return False
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
