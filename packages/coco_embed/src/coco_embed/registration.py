"""Registrations of models: parses and validates one table of a TOML file for each model.

It imports nothing heavy: settings are read by commands that run no model.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from coco_core.errors import InvalidConfig
from coco_core.settings import Setting, SettingReader, WrongValue, text
from coco_core.toml_lines import TomlLines

__all__ = [
    "LARGEST",
    "ModelTable",
    "close_name",
    "read_tables_file",
    "server_url",
    "variable_name",
    "whole_number",
]

LARGEST: Final = 32_768
"""A window or a dimension above it is a slip."""

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

T = TypeVar("T")


def server_url(route: str) -> SettingReader:
    """Return the reader of a server's URL, which may end with the route that is asked."""

    def read(given: object, base: Path) -> str:
        url = text(given, base)
        if not url.startswith(("http://", "https://")):
            raise WrongValue("it does not begin with http:// or https://")
        return url.rstrip("/").removesuffix(route)

    return read


def variable_name(given: object, base: Path) -> str:
    """Read the name of the environment variable that holds a key."""
    name = text(given, base)
    if not _VARIABLE.fullmatch(name):
        raise WrongValue("it is the name of a variable that holds the key, not the key")
    return name


def whole_number(low: int, high: int = LARGEST) -> SettingReader:
    """Return the reader of a number."""

    def read(given: object, base: Path) -> int:
        del base
        # A TOML file has numbers of its own: a text is none.
        if not isinstance(given, int) or isinstance(given, bool):
            raise WrongValue("it is not a whole number")
        if not low <= given <= high:
            raise WrongValue(f"it is outside {low} to {high}")
        return given

    return read


@dataclass(frozen=True, slots=True)
class ModelTable(Generic[T]):
    """A table of a settings file that holds one table for each model of a kind."""

    name: str
    make: Callable[..., T]
    """Makes the model from ``name``, ``origin`` and its fields."""
    fields: Mapping[str, Setting]
    goes_with: Mapping[str, str]
    """Fields that only a model with ``path``, or only one with ``url``, has."""
    example_url: str
    taken: Collection[str] = ()
    """Models that are there without being registered, and so cannot be."""

    def read(self, tables: object, path: Path, content: str) -> dict[str, T]:
        """Read the table.

        Args:
            tables: what the file holds under the table's name.
            path: the file; relative directories are looked for next to it.
            content: of the file, for the lines in messages.

        Raises:
            InvalidConfig: something cannot be used; the message names file, line and field.
        """
        places = TomlLines(path, content)
        if not isinstance(tables, Mapping):
            raise _problem(places, (self.name,), f"is {tables!r}", f"Write: [{self.name}.NAME]")
        return {name: self._read_model(name, table, places) for name, table in tables.items()}

    def _read_model(self, name: str, table: object, places: TomlLines) -> T:
        where = (self.name, name)
        if not _NAME.fullmatch(name):
            raise _problem(
                places, where, "is no name", "Use letters, digits and . _ - : / @, at most 100."
            )
        if name in self.taken:
            raise _problem(places, where, "is built in", "Give your model another name.")
        if not isinstance(table, Mapping):
            hint = f"Write a table: [{self.name}.{name}]"
            raise _problem(places, where, f"is {table!r}", hint)
        values: dict[str, Any] = {}
        for key, given in table.items():
            field = self.fields.get(key)
            if field is None:
                hint = self._unknown(name, key, given)
                raise _problem(places, (*where, key), "is unknown", hint)
            try:
                values[key] = field.read(given, places.path.parent)
            except WrongValue as error:
                raise _problem(
                    places, (*where, key), f"is {given!r}: {error}", f"Accepted: {field.accepted}."
                ) from error
        self._check_kind(values, places, where)
        if "path" in values:
            values["path"] = (places.path.parent / Path(values["path"]).expanduser()).resolve()
        return self.make(name=name, origin=places.origin(*where), **values)

    def _check_kind(
        self, values: Mapping[str, object], places: TomlLines, where: tuple[str, ...]
    ) -> None:
        kinds = [kind for kind in ("path", "url") if kind in values]
        if len(kinds) != 1:
            problem = "has both path and url" if kinds else "has neither path nor url"
            raise _problem(
                places,
                where,
                problem,
                'Write path = "DIRECTORY" for an ONNX model, '
                f'or url = "{self.example_url}" for a server.',
            )
        for key in values:
            if self.goes_with.get(key, kinds[0]) != kinds[0]:
                raise _problem(
                    places,
                    (*where, key),
                    f"has no meaning with {kinds[0]}",
                    f"It goes with {self.goes_with[key]}.",
                )

    def _unknown(self, name: str, key: str, given: object) -> str:
        if isinstance(given, Mapping):
            # The dot of a name that is not quoted separates tables.
            return f'Quote a name that has a dot: [{self.name}."{name}.{key}"]'
        return f"{close_name(key, self.fields)}Known: {', '.join(self.fields)}."


def read_tables_file(path: Path, known: Collection[str]) -> tuple[Mapping[str, object], str]:
    """Return the tables of a file of models, and its content.

    Raises:
        InvalidConfig: it cannot be read, or holds something else.
    """
    try:
        content = path.read_bytes().decode("utf-8-sig")
        data = tomllib.loads(content)
    except OSError as error:
        raise InvalidConfig(
            f"{str(path)!r} cannot be read: {error.strerror or error}.",
            hint="COCO_MODELS_FILE must name a TOML file with [models.NAME] tables.",
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConfig(f"{str(path)!r} is not valid TOML: {error}.") from error
    for key in data:
        if key not in known:
            where = TomlLines(path, content).origin(key)
            tables = " or ".join(f"[{name}.NAME]" for name in known)
            raise InvalidConfig(
                f"There is {key!r} in a file of models ({where}).",
                hint=f"Write one table for each model: {tables}",
                details={"origin": where},
            )
    return data, content


def close_name(name: str, known: Iterable[str]) -> str:
    """Return a hint: the known name that was probably meant; nothing when none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}? " if close else ""


def _problem(places: TomlLines, where: tuple[str, ...], problem: str, hint: str) -> InvalidConfig:
    origin = places.origin(*where)
    return InvalidConfig(
        f"{'.'.join(where)} ({origin}) {problem}.",
        hint=hint,
        details={"setting": ".".join(where), "origin": origin},
    )
