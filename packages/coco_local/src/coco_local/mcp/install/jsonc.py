"""Edit one member of a JSON file and leave every other byte, comments included, as it was."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["JsoncError", "parse", "remove_member", "set_member"]

SCALAR = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null")
STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
BLANK = re.compile(r"[ \t\r\n]*")
# What most of these files use, and what is written into a new one.
INDENT = "  "
# A configuration nested deeper than this is an attack or an accident.
MAX_DEPTH = 200


class JsoncError(ValueError):
    """The text is not JSON with comments, or the member's place in it is taken."""


@dataclass(frozen=True, slots=True)
class _Member:
    key: str
    start: int
    node: _Node
    comma: int | None
    """Where the comma after the value is."""


@dataclass(frozen=True, slots=True)
class _Node:
    start: int
    end: int
    value: Any
    members: list[_Member] | None = None
    """Of an object, in the order of the file."""


@dataclass(slots=True)
class _Reader:
    """A recursive-descent reader that remembers where things are."""

    text: str
    depth: int = field(default=0)

    def document(self) -> _Node:
        node = self.value(self.skip(0))
        end = self.skip(node.end)
        if end != len(self.text):
            raise self.error(end, "nothing may follow the value")
        return node

    def skip(self, at: int) -> int:
        """Return the next position that is neither blank nor comment."""
        while True:
            blank = BLANK.match(self.text, at)
            at = blank.end() if blank else at
            if self.text.startswith("//", at):
                newline = self.text.find("\n", at)
                at = len(self.text) if newline < 0 else newline + 1
            elif self.text.startswith("/*", at):
                close = self.text.find("*/", at + 2)
                if close < 0:
                    raise self.error(at, "the comment is not closed")
                at = close + 2
            else:
                return at

    def value(self, at: int) -> _Node:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(at, "it is nested too deeply")
        node = self._value(at)
        self.depth -= 1
        return node

    def _value(self, at: int) -> _Node:
        if self.text.startswith("{", at):
            return self._object(at)
        if self.text.startswith("[", at):
            return self._array(at)
        if self.text.startswith('"', at):
            return self._string(at)
        scalar = SCALAR.match(self.text, at)
        if scalar is None:
            raise self.error(at, "a value is missing")
        return self._loaded(at, scalar[0])

    def _string(self, at: int) -> _Node:
        found = STRING.match(self.text, at)
        if found is None:
            raise self.error(at, "the string is not closed")
        return self._loaded(at, found[0])

    def _loaded(self, at: int, text: str) -> _Node:
        try:
            return _Node(at, at + len(text), json.loads(text))
        except ValueError as error:
            # A wrong escape, or a number of thousands of digits.
            raise self.error(at, str(error)) from error

    def _array(self, start: int) -> _Node:
        values: list[Any] = []
        at = self.skip(start + 1)
        while not self.text.startswith("]", at):
            node = self.value(at)
            values.append(node.value)
            at = self._after(node.end, "]")
        return _Node(start, at + 1, values)

    def _object(self, start: int) -> _Node:
        members: list[_Member] = []
        at = self.skip(start + 1)
        while not self.text.startswith("}", at):
            if not self.text.startswith('"', at):
                raise self.error(at, "a name in double quotes is missing")
            key = self._string(at)
            colon = self.skip(key.end)
            if not self.text.startswith(":", colon):
                raise self.error(colon, "':' is missing")
            node = self.value(self.skip(colon + 1))
            after = self.skip(node.end)
            comma = after if self.text.startswith(",", after) else None
            members.append(_Member(key.value, at, node, comma))
            at = self._after(node.end, "}")
        value = {member.key: member.node.value for member in members}
        return _Node(start, at + 1, value, members)

    def _after(self, at: int, close: str) -> int:
        """Return where the next element or ``close`` begins; a comma may stand before ``close``."""
        at = self.skip(at)
        if self.text.startswith(",", at):
            return self.skip(at + 1)
        if not self.text.startswith(close, at):
            raise self.error(at, f"',' or '{close}' is missing")
        return at

    def error(self, at: int, what: str) -> JsoncError:
        line = self.text.count("\n", 0, at) + 1
        column = at - (self.text.rfind("\n", 0, at) + 1) + 1
        return JsoncError(f"line {line}, column {column}: {what}")


def parse(text: str) -> Any:
    """Return the value of JSON with comments and trailing commas.

    Raises:
        JsoncError: with line and column.
    """
    return _Reader(text).document().value


def set_member(text: str, keys: Sequence[str], value: Any) -> str:
    """Return ``text`` with ``value`` at ``keys``; missing objects on the way are made.

    Raises:
        JsoncError: the text is broken, or something on the way is not an object.
    """
    if not text.strip():
        return json.dumps(_nested(keys, value), indent=INDENT, ensure_ascii=False) + "\n"
    root = node = _Reader(text).document()
    for depth, key in enumerate(keys):
        member = _find(node, key, keys[:depth])
        if member is None:
            after = _insert(text, node, key, _nested(keys[depth + 1 :], value))
            break
        node = member.node
    else:
        if node.value == value:
            return text
        indent = _line_indent(text, node.start)
        after = text[: node.start] + _dump(text, value, indent) + text[node.end :]
    return _checked(after, _with(root.value, keys, value))


def remove_member(text: str, keys: Sequence[str]) -> str:
    """Return ``text`` without the member at ``keys``; the same text when there is none.

    Raises:
        JsoncError: the text is broken, or something on the way is not an object.
    """
    if not text.strip():
        return text
    wanted = _without(parse(text), keys)
    while True:
        node = _Reader(text).document()
        for depth, key in enumerate(keys[:-1]):
            member = _find(node, key, keys[:depth])
            if member is None:
                return text
            node = member.node
        target = _find(node, keys[-1], keys[:-1])
        if target is None:
            return _checked(text, wanted)
        # A name may stand twice; taking out the one that counts would bring back the other.
        text = _cut(text, node, target)


def _with(document: Any, keys: Sequence[str], value: Any) -> Any:
    """Return what ``document`` is to be after the edit."""
    if not keys:
        return value
    return {**document, keys[0]: _with(document.get(keys[0], {}), keys[1:], value)}


def _without(document: Any, keys: Sequence[str]) -> Any:
    if not isinstance(document, dict) or keys[0] not in document:
        return document
    if len(keys) == 1:
        return {key: value for key, value in document.items() if key != keys[0]}
    return {**document, keys[0]: _without(document[keys[0]], keys[1:])}


def _checked(text: str, wanted: Any) -> str:
    """Return ``text`` when it says exactly what was wanted: the last guard before a write."""
    if parse(text) != wanted:
        raise JsoncError("the entry cannot be edited in place")
    return text


def _find(node: _Node, key: str, path: Sequence[str]) -> _Member | None:
    if node.members is None:
        where = ".".join(path) or "the file"
        raise JsoncError(f"{where} holds {json.dumps(node.value)[:60]}, not an object")
    found = [member for member in node.members if member.key == key]
    # Readers take the last of two members with one name.
    return found[-1] if found else None


def _insert(text: str, node: _Node, key: str, value: Any) -> str:
    """Return ``text`` with a new last member in the object ``node``."""
    assert node.members is not None
    newline = _newline(text)
    outer = _line_indent(text, node.start)
    inner = outer + _unit(text)
    close = node.end - 1
    head = text[:close]
    if node.members:
        last = node.members[-1]
        inner = _own_indent(text, node.members[0].start) or inner
        if last.comma is None:
            head = text[: last.node.end] + "," + text[last.node.end : close]
    member = f"{json.dumps(key, ensure_ascii=False)}: {_dump(text, value, inner)}"
    return f"{head.rstrip()}{newline}{inner}{member}{newline}{outer}{text[close:]}"


def _cut(text: str, node: _Node, target: _Member) -> str:
    assert node.members is not None
    start, end = target.start, target.node.end
    if target.comma is not None:
        end = target.comma + 1
    line = text.rfind("\n", 0, start) + 1
    rest = re.compile(r"[ \t]*(\r?\n)?").match(text, end)
    if not text[line:start].strip() and rest is not None and rest[1]:
        start, end = line, rest.end()
    else:
        end = rest.end() if rest is not None and not rest[1] else end
    head, tail = text[:start], text[end:]
    before = [member for member in node.members if member.start < target.start]
    if target.comma is None and before and before[-1].comma is not None:
        comma = before[-1].comma
        head = head[:comma] + head[comma + 1 :]
    if len(node.members) == 1 and not head[node.start + 1 :].strip():
        head, tail = head[: node.start + 1], tail.lstrip()
    return head + tail


def _dump(text: str, value: Any, indent: str) -> str:
    lines = json.dumps(value, indent=_unit(text), ensure_ascii=False).split("\n")
    return f"{_newline(text)}{indent}".join(lines)


def _nested(keys: Sequence[str], value: Any) -> Any:
    for key in reversed(keys):
        value = {key: value}
    return value


def _newline(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _unit(text: str) -> str:
    """Return one step of indentation as the file has it."""
    found = re.search(r"^([ \t]+)\S", text, re.MULTILINE)
    if found is None:
        return INDENT
    return "\t" if found[1].startswith("\t") else found[1]


def _line_indent(text: str, at: int) -> str:
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip())]


def _own_indent(text: str, at: int) -> str | None:
    """Return the indentation of what starts a line at ``at``; ``None`` when it does not."""
    start = text.rfind("\n", 0, at) + 1
    before = text[start:at]
    return before if start and not before.strip() else None
