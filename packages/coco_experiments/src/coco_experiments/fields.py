"""Plain data checked field by field: every problem is noted with the path of its field."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from coco_core.errors import InvalidConfig

__all__ = [
    "Problem",
    "Record",
    "Where",
    "meant",
    "nearest",
    "path_of",
    "refuse",
    "repeated",
    "shown",
]

Where: TypeAlias = "tuple[Where, str | int] | None"
"""The place of a value: its parent's place and its name or position; written out when wrong."""

_GREATEST = sys.float_info.max

# Longer values say no more in a message.
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the value at a place."""

    where: Where
    message: str
    earlier: Where = None
    """Where the same stood first, for what stands twice."""

    @property
    def field(self) -> str:
        """The place as people write it: ``indexing_strategies[0].chunking.unit``."""
        return path_of(self.where)

    def __str__(self) -> str:
        start = f"{self.field}: " if self.where else ""
        first = f" First at {path_of(self.earlier)}." if self.earlier else ""
        return f"{start}{self.message}{first}"


def path_of(where: Where) -> str:
    """Write a place as people do: names joined by dots, positions in brackets."""
    if where is None:
        return ""
    parent, step = where
    before = path_of(parent)
    if isinstance(step, int):
        return f"{before}[{step}]"
    return f"{before}.{step}" if before else step


def refuse(problems: Sequence[Problem]) -> None:
    """Raise `InvalidConfig` with all problems, one a line; nothing to refuse passes."""
    if problems:
        message = "\n".join(str(problem) for problem in problems)
        raise InvalidConfig(message, details={"field": problems[0].field})


def shown(value: object) -> str:
    """Return a value for a message, cut where it is long; nothing is ``null``, as in the file."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


def nearest(name: str, known: Collection[str]) -> str:
    """Return the sentences that help with a name nobody knows."""
    return f"{meant(name, known)}Known: {', '.join(sorted(known))}."


def meant(name: str, known: Collection[str]) -> str:
    """Return the sentence that asks for the nearest name, with a space, or nothing."""
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"Did you mean {close[0]!r}? " if close else ""


def repeated(names: Iterable[object]) -> Iterator[tuple[int, int]]:
    """Yield the position of every name that stood before, and where it stood first."""
    first: dict[str, int] = {}
    for position, name in enumerate(names):
        if isinstance(name, str) and first.setdefault(name, position) != position:
            yield position, first[name]


class Record:
    """A mapping whose fields are read one by one.

    What is missing or of the wrong type is noted among ``problems`` and read as something harmless,
    so that one reading finds every problem; whoever reads refuses the whole at the end.
    """

    __slots__ = ("_known", "_values", "problems", "where")

    def __init__(
        self, value: object, known: Collection[str], problems: list[Problem], where: Where = None
    ) -> None:
        """Look for fields that are not among ``known``."""
        self.problems = problems
        self.where = where
        self._known = known
        self._values: Mapping[str, object] = {}
        if not isinstance(value, Mapping):
            problems.append(Problem(where, f"{shown(value)} is not a mapping."))
            return
        self._values = value
        for name in value:
            if name not in known:
                self.note(str(name), f"unknown field. {nearest(str(name), known)}")

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def note(self, name: str, message: str) -> None:
        """Note a problem of a field; an empty name is the record itself."""
        where = (self.where, name) if name else self.where
        self.problems.append(Problem(where, message))

    def at(self, name: str) -> Where:
        """Return the place of a field."""
        return (self.where, name)

    def names(self) -> list[str]:
        """Return the fields that are there and known."""
        return [name for name in self._values if name in self._known]

    def value(self, name: str) -> object:
        """Return what stands there unread, ``None`` where nothing does."""
        return self._values.get(name)

    def text(self, name: str, default: str | None = None) -> str:
        """Read a text; without a default it must be there and not blank."""
        value = self._values.get(name, default)
        if not isinstance(value, str):
            self._wrong(name, "a text")
        elif default is None and not value.strip():
            self.note(name, "is empty.")
        else:
            return value
        return ""

    def text_or_none(self, name: str) -> str | None:
        """Read a text that may be left out; a blank one is a problem."""
        return None if self._values.get(name) is None else self.text(name)

    def choice(self, name: str, known: Sequence[str], default: str | None = None) -> str:
        """Read a value of a closed set."""
        before = len(self.problems)
        value = self.text(name, default)
        if len(self.problems) == before:
            self.note_unknown(name, value, known)
        return value

    def note_unknown(self, name: str, value: str, known: Sequence[str]) -> None:
        """Note a value that is not of a closed set."""
        if value not in known:
            self.note(name, f"unknown value {value!r}. {nearest(value, known)}")

    def whole(self, name: str, default: int | None = None, least: int = 0) -> int:
        """Read a whole number of at least ``least``."""
        value = self._values.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool):
            if value >= least:
                return value
            self.note(name, f"is {value}; {least} is the least.")
        else:
            self._wrong(name, "a whole number")
        return max(least, default or 0)

    def whole_or_none(self, name: str, least: int = 0) -> int | None:
        """Read a whole number that may be left out."""
        return None if self._values.get(name) is None else self.whole(name, least=least)

    def number(self, name: str, default: float | None = None) -> float:
        """Read a finite number."""
        value = self._values.get(name, default)
        if isinstance(value, int | float) and not isinstance(value, bool):
            # Compared, since a whole number can be too long for a float.
            if -_GREATEST <= value <= _GREATEST:
                return float(value)
            self.note(name, f"{shown(value)} is not a finite number.")
        else:
            self._wrong(name, "a number")
        return 0.0

    def number_or_none(self, name: str) -> float | None:
        """Read a finite number that may be left out."""
        return None if self._values.get(name) is None else self.number(name)

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of texts that may be left out."""
        value = self._values.get(name, ())
        if not isinstance(value, list | tuple):
            self._wrong(name, "a list of texts")
            return ()
        for position, each in enumerate(value):
            if not isinstance(each, str):
                place = ((self.where, name), position)
                self.problems.append(Problem(place, f"{shown(each)} is not a text."))
        return tuple(each for each in value if isinstance(each, str))

    def numbers(self, name: str) -> dict[str, float]:
        """Read a mapping of numbers that may be left out."""
        values = self._values.get(name, {})
        if not isinstance(values, Mapping):
            self._wrong(name, "a mapping of numbers")
            return {}
        inner = Record(values, values.keys(), self.problems, (self.where, name))
        return {key: inner.number(key) for key in values}

    def items(self, name: str, *, filled: bool = False) -> Iterator[tuple[Where, object]]:
        """Yield the elements of a list with their places; ``filled`` refuses an empty one."""
        value = self._values.get(name)
        if not isinstance(value, list | tuple):
            self._wrong(name, "a list")
            return
        if filled and not value:
            self.note(name, "is empty; at least one is needed.")
        for position, each in enumerate(value):
            yield ((self.where, name), position), each

    def inner(self, name: str, known: Collection[str]) -> Record:
        """Read a mapping; one that is left out is a problem."""
        if name not in self._values:
            self._wrong(name, "a mapping")
            return Record({}, known, self.problems, (self.where, name))
        return Record(self._values[name], known, self.problems, (self.where, name))

    def _wrong(self, name: str, wanted: str) -> None:
        if name in self._values:
            value = self._values[name]
            quotes = wanted == "a text" and isinstance(value, int | float)
            hint = "; put it in quotes" if quotes else ""
            self.note(name, f"{shown(value)} is not {wanted}{hint}.")
        else:
            self.note(name, f"is missing; it must be {wanted}.")
