"""Mistakes in plain data, each with the path of its field; all of them make one `InvalidConfig`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from coco_core.errors import InvalidConfig

__all__ = [
    "FieldPath",
    "Problem",
    "did_you_mean",
    "format_value",
    "path_text",
    "raise_if_any",
    "repeated",
    "repeated_problem",
    "suggestions",
]

FieldPath: TypeAlias = tuple[str | int, ...]
"""Names and positions from the outside in."""

# Longer values say no more in a message.
_LONGEST_VALUE = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the value at a path."""

    path: FieldPath
    message: str
    first: FieldPath | None = None
    """Where the same stood first, for what stands twice."""

    @property
    def field(self) -> str:
        """The path as people write it: ``indexing_strategies[0].chunking.unit``."""
        return path_text(self.path)

    def __str__(self) -> str:
        start = f"{self.field}: " if self.path else ""
        first = "" if self.first is None else f" First at {path_text(self.first)}."
        return f"{start}{self.message}{first}"


def path_text(path: FieldPath) -> str:
    """Write a path as people do: names joined by dots, positions in brackets."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def raise_if_any(problems: Sequence[Problem]) -> None:
    """Raise `InvalidConfig` with all problems, one a line."""
    if problems:
        message = "\n".join(str(problem) for problem in problems)
        raise InvalidConfig(message, details={"field": problems[0].field})


def format_value(value: object) -> str:
    """Return a value for a message, cut where it is long; nothing is ``null``, as in the file."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 1]}…"


def suggestions(name: str, known: Collection[str]) -> str:
    """Return the sentences that help with an unknown name."""
    return f"{did_you_mean(name, known)}Known: {', '.join(sorted(known))}."


def did_you_mean(name: str, known: Collection[str]) -> str:
    """Return the sentence that asks for the nearest name, with a space, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def repeated(names: Iterable[object]) -> Iterator[tuple[int, int]]:
    """Yield the position of every name that stood before, and where it stood first."""
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if isinstance(name, str) and first.setdefault(name, position) != position:
            yield position, first[name]


def repeated_problem(path: FieldPath, name: str, first: int) -> Problem:
    """Return what is wrong with a name that stood before, in the element ``first`` of its list."""
    at = max(at for at, step in enumerate(path) if isinstance(step, int))
    return Problem(path, f"{name!r} stands twice.", (*path[:at], first, *path[at + 1 :]))
