"""Edit one table of a TOML file and leave every other byte, comments included, as it was."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence

__all__ = ["TomlTableError", "remove_table", "set_table"]

HEADER = re.compile(r"^[ \t]*\[(?!\[)(?P<keys>[^\]\n]+)\][ \t]*(#[^\n]*)?\r?$", re.MULTILINE)
ANY_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)
BARE = re.compile(r"^[A-Za-z0-9_-]+$")


class TomlTableError(ValueError):
    """The text is not TOML, or holds the table in a form that cannot be edited in place."""


def set_table(text: str, keys: Sequence[str], values: Mapping[str, str | list[str]]) -> str:
    """Return ``text`` in which the table ``keys`` has ``values``; its other keys stay.

    Raises:
        TomlTableError: the file is broken, or the table is written inline.
    """
    wanted = _loads(text)
    table = _table(wanted, keys)
    if table is not None and all(table.get(key) == value for key, value in values.items()):
        return text
    _expect(wanted, keys).update(values)
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = [f"{key} = {_value(value)}" for key, value in values.items()]
    span = _span(text, keys)
    if span is None:
        name = ".".join(key if BARE.match(key) else json.dumps(key) for key in keys)
        head = text.rstrip()
        before = head + newline * 2 if head else ""
        after = before + newline.join([f"[{name}]", *lines]) + newline
    else:
        start, end = span
        body = text[start:end]
        for key, line in zip(values, lines, strict=True):
            body = _assign(body, key, line, newline)
        after = text[:start] + body + text[end:]
    return _checked(after, wanted, keys)


def remove_table(text: str, keys: Sequence[str]) -> str:
    """Return ``text`` without the table ``keys`` and its subtables.

    Raises:
        TomlTableError: the file is broken, or the table is written inline.
    """
    wanted = _loads(text)
    if _table(wanted, keys) is None:
        return text
    parent = _table(wanted, keys[:-1])
    assert parent is not None
    del parent[keys[-1]]
    for header in reversed(list(HEADER.finditer(text))):
        if _keys(header["keys"])[: len(keys)] == list(keys):
            following = ANY_HEADER.search(text, header.end())
            end = following.start() if following else len(text)
            text = text[: header.start()] + text[end:]
    if not text.strip():
        text = ""
    if not parent:
        # The parent was only implied by the header that is gone.
        _drop_empty(wanted, keys[:-1], _loads(text))
    return _checked(text, wanted, keys)


def _assign(body: str, key: str, line: str, newline: str) -> str:
    """Return a table's body with ``key`` set; a value over several lines is replaced whole."""
    name = re.escape(key)
    start = re.search(rf'^[ \t]*(?:{name}|"{name}")[ \t]*=', body, re.MULTILINE)
    if start is None:
        header_end = body.index("\n") + 1 if "\n" in body else len(body)
        head = body[:header_end]
        head = head if head.endswith("\n") else head + newline
        return head + line + newline + body[header_end:]
    end = start.end()
    while True:
        stop = body.find("\n", end)
        stop = len(body) if stop < 0 else stop
        try:
            tomllib.loads(body[start.start() : stop])
        except tomllib.TOMLDecodeError:
            if stop == len(body):
                raise TomlTableError(f"the value of {key!r} does not end") from None
            end = stop + 1
            continue
        tail = "\r" if body[stop - 1 : stop] == "\r" else ""
        return body[: start.start()] + line + tail + body[stop:]


def _span(text: str, keys: Sequence[str]) -> tuple[int, int] | None:
    """Return where the table's header starts and its own keys end."""
    for header in HEADER.finditer(text):
        if _keys(header["keys"]) == list(keys):
            following = ANY_HEADER.search(text, header.end())
            return header.start(), following.start() if following else len(text)
    return None


def _keys(header: str) -> list[str]:
    """Return the parts of a header's dotted key."""
    try:
        node: object = tomllib.loads(f"[{header}]")
    except tomllib.TOMLDecodeError:
        return []
    parts: list[str] = []
    while isinstance(node, dict) and node:
        (name,) = node
        parts.append(name)
        node = node[name]
    return parts


def _loads(text: str) -> dict[str, object]:
    try:
        return tomllib.loads(text.removeprefix("\ufeff"))
    except tomllib.TOMLDecodeError as error:
        raise TomlTableError(str(error)) from error


def _table(document: dict[str, object], keys: Sequence[str]) -> dict[str, object] | None:
    node: object = document
    for key in keys:
        if not isinstance(node, dict):
            raise TomlTableError(f"{'.'.join(keys)!r} is not a table")
        if key not in node:
            return None
        node = node[key]
    if not isinstance(node, dict):
        raise TomlTableError(f"{'.'.join(keys)!r} is not a table")
    return node


def _expect(document: dict[str, object], keys: Sequence[str]) -> dict[str, object]:
    for key in keys:
        child = document.setdefault(key, {})
        if not isinstance(child, dict):
            raise TomlTableError(f"{key!r} is not a table")
        document = child
    return document


def _drop_empty(wanted: dict[str, object], keys: Sequence[str], now: dict[str, object]) -> None:
    if keys and _table(now, keys) is None:
        parent = _table(wanted, keys[:-1])
        if parent is not None:
            parent.pop(keys[-1], None)


def _checked(text: str, wanted: dict[str, object], keys: Sequence[str]) -> str:
    """Return ``text`` when it says exactly what was wanted: the last guard before a write."""
    try:
        same = tomllib.loads(text.removeprefix("\ufeff")) == wanted
    except tomllib.TOMLDecodeError:
        same = False
    if not same:
        name = ".".join(keys)
        raise TomlTableError(f"{name!r} is written in a form that cannot be edited in place")
    return text


def _value(value: str | list[str]) -> str:
    """Return a TOML string or array of strings; JSON's escapes are TOML's."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return f"[{', '.join(_value(item) for item in value)}]"
