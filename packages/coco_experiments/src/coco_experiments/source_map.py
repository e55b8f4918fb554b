"""YAML, JSON, and JSON Lines parser that keeps the source line of each value."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

from coco_experiments.problems import FieldPath, Problem, repeated

__all__ = ["NotParsable", "SourceMap", "parse"]

# Aliases can make a small file mean a huge one; an evaluation set of 10,000 questions has fewer.
_MOST_VALUES = 1_000_000

_PLAIN_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float"))
_TEXT_TAGS = frozenset(f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "value"))


class NotParsable(Exception):
    """The text is not of its format at all."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class SourceMap:
    """A file's content with the lines of its values, and what is wrong in the file as such."""

    source: str
    """The file's name, for messages."""
    data: Any
    lines: Callable[[], dict[FieldPath, int]]
    problems: tuple[Problem, ...] = ()

    def line(self, path: FieldPath) -> int:
        """Return the line of a value, or of the innermost one around a path that is not there."""
        lines = self.lines()
        while path and path not in lines:
            path = path[:-1]
        return lines.get(path, 1)


def parse(text: str, source: str) -> SourceMap:
    """Read a file by its name's suffix: ``.jsonl``, ``.json``, otherwise YAML.

    Lines of ``.jsonl`` that are blank or begin with ``#`` are passed over.

    Raises:
        NotParsable: it cannot be read as what it is named.
    """
    text = text.removeprefix("\ufeff")
    suffix = PurePath(source).suffix.lower()
    if suffix in {".jsonl", ".ndjson"}:
        return _json_lines(text, source)
    if suffix == ".json":
        return _whole_json(text, source)
    walk = _Walk(text)
    return SourceMap(source, walk.data, lambda: walk.lines, tuple(walk.problems))


def _json_lines(text: str, source: str) -> SourceMap:
    data: list[object] = []
    lines: dict[FieldPath, int] = {(): 1}
    # Not splitlines(): a JSON text may hold the other line ends of Unicode.
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip() and not line.lstrip().startswith("#"):
            value, twice = _json(line, number)
            if twice:
                raise NotParsable(number, f"{twice[0]!r} stands twice in one mapping.")
            lines[(len(data),)] = number
            data.append(value)
    return SourceMap(source, data, lambda: lines)


def _whole_json(text: str, source: str) -> SourceMap:
    data, twice = _json(text, 1)
    # YAML knows no tabs between values.
    as_yaml = text.replace("\t", " ")
    if twice:
        walk = _Walk(as_yaml)
        return SourceMap(source, data, lambda: walk.lines, tuple(walk.problems))
    return SourceMap(source, data, lambda: _lines(as_yaml))


def _lines(text: str) -> dict[FieldPath, int]:
    """Return the lines of a JSON text by YAML; none where that gives up on a character."""
    try:
        return _Walk(text).lines
    except NotParsable:
        return {}


def _json(text: str, line: int) -> tuple[object, list[str]]:
    """Read a JSON text that begins in ``line``; also the names that stand twice in a mapping."""
    twice: list[str] = []

    def refuse(constant: str) -> object:
        raise NotParsable(line, f"{constant} is not a number of JSON.")

    def mapping(pairs: list[tuple[str, object]]) -> dict[str, object]:
        names = [name for name, _ in pairs]
        twice.extend(names[position] for position, _ in repeated(names))
        return dict(pairs)

    try:
        return json.loads(text, parse_constant=refuse, object_pairs_hook=mapping), twice
    except json.JSONDecodeError as error:
        line += error.lineno - 1
        message = f"not valid JSON: {error.msg} (column {error.colno})."
        raise NotParsable(line, message) from error
    except ValueError as error:
        raise NotParsable(line, f"not valid JSON: {error}.") from error
    except RecursionError as error:
        raise NotParsable(line, "nested too deeply.") from error


class _Walk:
    """From YAML's nodes to plain data, with a line for every place."""

    def __init__(self, text: str) -> None:
        # YAML's own lines also end at characters where no editor ends one.
        self._ends = [at for at, character in enumerate(text) if character == "\n"]
        self.lines: dict[FieldPath, int] = {}
        self.problems: list[Problem] = []
        self._scalars = SafeConstructor()
        self._around: list[yaml.Node] = []
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
            self.data = None if node is None else self._plain(node, (), node.start_mark)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = 1 if mark is None else self._line(mark)
            raise NotParsable(line, f"not valid YAML: {error.problem or error}.") from error
        except yaml.reader.ReaderError as error:
            line = bisect_left(self._ends, error.position) + 1
            character = f"U+{int(error.character):04X}"
            raise NotParsable(line, f"holds the character {character}.") from error
        except RecursionError as error:
            raise NotParsable(1, "nested too deeply.") from error

    def _line(self, mark: yaml.Mark) -> int:
        return bisect_left(self._ends, mark.index) + 1

    def _plain(self, node: yaml.Node, path: FieldPath, mark: yaml.Mark) -> object:
        line = self.lines[path] = self._line(mark)
        if len(self.lines) > _MOST_VALUES:
            raise NotParsable(line, f"holds more than {_MOST_VALUES} values.")
        if any(node is each for each in self._around):
            raise NotParsable(line, "contains itself.")
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, path)
        self._around.append(node)
        try:
            if isinstance(node, yaml.SequenceNode):
                return [
                    self._plain(each, (*path, at), each.start_mark)
                    for at, each in enumerate(node.value)
                ]
            assert isinstance(node, yaml.MappingNode)
            return self._mapping(node, path)
        finally:
            self._around.pop()

    def _mapping(self, node: yaml.MappingNode, path: FieldPath) -> dict[str, object]:
        first: dict[str, int] = {}
        for key, _ in node.value:
            line = self._line(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise NotParsable(line, "the name of a field is not a text.")
            if key.value in first:
                text = f"stands twice, first in line {first[key.value]}."
                self.problems.append(Problem((*path, key.value), text))
            first.setdefault(key.value, line)
        self._scalars.flatten_mapping(node)
        return {
            str(key.value): self._plain(value, (*path, str(key.value)), key.start_mark)
            for key, value in node.value
        }

    def _scalar(self, node: yaml.ScalarNode, path: FieldPath) -> object:
        if node.tag in _TEXT_TAGS:
            return str(node.value)
        if node.tag in _PLAIN_TAGS:
            try:
                return self._scalars.construct_object(node)
            except (ValueError, LookupError):
                # `!!int x`, `!!bool maybe`: the tag is wrong, and told below.
                pass
        self.problems.append(Problem(path, f"{node.value!r} is not a value of {node.tag!r}."))
        return None
