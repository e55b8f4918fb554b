"""Edit one table of a TOML file and leave every other byte, comments included, as it was."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

import tomlkit
from tomlkit.container import OutOfOrderTableProxy
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

__all__ = ["TomlTableError", "remove_item", "remove_table", "set_item", "set_table"]

_MARK = "\ufeff"


class TomlTableError(ValueError):
    """The text is not TOML, or holds the table in a form that cannot be edited in place."""


def set_table(text: str, keys: Sequence[str], values: Mapping[str, str | list[str]]) -> str:
    """Return ``text`` in which the table ``keys`` has ``values``; its other keys stay.

    Raises:
        TomlTableError: the file is broken, or the table is written inline.
    """
    document = _parse(text)
    table = _find(document, keys)
    if table is not None and all(table.get(key) == value for key, value in values.items()):
        return text
    wanted = document.unwrap()
    _make(wanted, keys).update(values)
    if table is not None:
        table.update(values)
        return _checked(document.as_string(), text, wanted, keys)
    # Behind all else: among its siblings a new table would move what the user has written.
    made = tomlkit.table()
    made.update(values)
    head = document.as_string().rstrip()
    lines = f"[{tomlkit.key(list(keys)).as_string()}]\n{made.as_string()}"
    return _checked(f"{head}\n\n{lines}" if head else lines, text, wanted, keys)


def remove_table(text: str, keys: Sequence[str]) -> str:
    """Return ``text`` without the table ``keys`` and its subtables.

    Raises:
        TomlTableError: the file is broken, or the table is written inline.
    """
    document = _parse(text)
    if _find(document, keys) is None:
        return text
    wanted = document.unwrap()
    del _make(wanted, keys[:-1])[keys[-1]]
    parent = _find(document, keys[:-1])
    assert parent is not None
    del parent[keys[-1]]
    after = document.as_string()
    return _checked(after if after.strip() else "", text, wanted, keys)


def set_item(text: str, key: str, name: str, values: Mapping[str, str | list[str]]) -> str:
    """Return ``text`` in which the table of this ``name`` among ``[[key]]`` has ``values``.

    Raises:
        TomlTableError: the file is broken, or ``key`` is no array of tables.
    """
    document = _parse(text)
    wanted = document.unwrap()
    there = _item(document, key, name)
    if there is not None:
        if all(there.get(field) == value for field, value in values.items()):
            return text
        there.update(values)
        next(each for each in wanted[key] if each.get("name") == name).update(values)
        return _checked(document.as_string(), text, wanted, (key,))
    made = tomlkit.table()
    made.update({"name": name, **values})
    wanted.setdefault(key, []).append({"name": name, **values})
    head = document.as_string().rstrip()
    lines = f"[[{key}]]\n{made.as_string()}"
    return _checked(f"{head}\n\n{lines}" if head else lines, text, wanted, (key,))


def remove_item(text: str, key: str, name: str) -> str:
    """Return ``text`` without the table of this ``name`` among ``[[key]]``.

    Raises:
        TomlTableError: the file is broken, or ``key`` is no array of tables.
    """
    document = _parse(text)
    there = _item(document, key, name)
    if there is None:
        return text
    wanted = document.unwrap()
    items = document[key]
    assert isinstance(items, AoT)
    position = [each.get("name") for each in wanted[key]].index(name)
    del items[position]
    del wanted[key][position]
    if not wanted[key]:
        del document[key]
        del wanted[key]
    after = document.as_string()
    return _checked(after if after.strip() else "", text, wanted, (key,))


def _item(document: tomlkit.TOMLDocument, key: str, name: str) -> Any:
    """Return the table of this name; None when there is none."""
    items = document.get(key)
    if items is None:
        return None
    if not isinstance(items, AoT):
        raise TomlTableError(f"{key!r} is not an array of tables")
    return next((each for each in items if each.get("name") == name), None)


def _parse(text: str) -> tomlkit.TOMLDocument:
    try:
        return tomlkit.parse(text.removeprefix(_MARK))
    except TOMLKitError as error:
        raise TomlTableError(str(error)) from error


def _find(document: tomlkit.TOMLDocument, keys: Sequence[str]) -> Any:
    """Return a table that lines can be added to; None when there is none of this name."""
    node: Any = document
    for key in keys:
        if key not in node:
            return None
        node = node[key]
        if not isinstance(node, Table | OutOfOrderTableProxy):
            raise TomlTableError(f"{'.'.join(keys)!r} is not a table of its own")
    return node


def _make(values: dict[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the table ``keys``, made where there is none."""
    for key in keys:
        values = values.setdefault(key, {})
    return values


def _checked(after: str, before: str, wanted: dict[str, Any], keys: Sequence[str]) -> str:
    """Return the new text when it says exactly what was wanted: the last guard before a write."""
    try:
        found = tomllib.loads(after)
    except tomllib.TOMLDecodeError as error:
        raise TomlTableError(str(error)) from error
    # A parent that only the header of its child had named is gone with it.
    _make(found, keys[:-1])
    if found != wanted:
        raise TomlTableError(f"{'.'.join(keys)!r} is written in a form that cannot be edited")
    if before.count("\r\n") == before.count("\n") > 0:
        after = after.replace("\r\n", "\n").replace("\n", "\r\n")
    return (_MARK if before.startswith(_MARK) else "") + after
