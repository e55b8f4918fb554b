"""Custom models as `[models.NAME]` of a TOML file registers them: read, checked, never opened.

It imports nothing heavy: settings are read by commands that embed nothing.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from coco_core.errors import InvalidConfig

__all__ = [
    "POOLINGS",
    "TABLE",
    "CustomModel",
    "close_name",
    "read_models",
    "read_models_file",
]

TABLE: Final = "models"
"""The table of a settings file that holds one table for each model."""

POOLINGS: Final = ("mean", "cls", "last", "max", "weighted_mean", "none")
"""How the vectors of a text's tokens become one; with ``none`` the graph does it itself."""

# Models that are there without being registered, and so cannot be.
_TAKEN: Final = frozenset({"all-MiniLM-L6-v2", "coco-static"})
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,99}")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A window or a dimension above it is a slip.
_LARGEST: Final = 32_768


@dataclass(frozen=True, slots=True)
class CustomModel:
    """One model; exactly one of ``path`` and ``url`` is set."""

    name: str
    origin: str
    """``FILE:LINE`` of its table."""
    path: Path | None = None
    """The directory of an ONNX model."""
    file: str | None = None
    """The graph's file in it, where there are several."""
    pooling: str | None = None
    """One of `POOLINGS`; None is what the directory says."""
    url: str | None = None
    """OpenAI's protocol, up to and without ``/embeddings``."""
    model: str | None = None
    """The server's name of the model; None is ``name``."""
    api_key_env: str | None = None
    """The environment variable with the server's key."""
    dimension: int | None = None
    """Length of a vector; None is what the graph or the server says."""
    max_tokens: int | None = None
    """Longest input; None is what the directory says, or a server's usual 512."""
    query_prefix: str | None = None
    """Put before every query; None is what the directory says."""
    document_prefix: str | None = None
    """Put before every document; None is what the directory says."""


class _Wrong(ValueError):
    """A value that a field does not accept; the text says why."""


def _text(given: object) -> str:
    if not isinstance(given, str) or not given.strip() or "\n" in given:
        raise _Wrong("it is not a text of one line")
    return given.strip()


def _prefix(given: object) -> str:
    # Blank space at its end belongs to it: "query: ".
    if not isinstance(given, str):
        raise _Wrong("it is not a text")
    return given


def _url(given: object) -> str:
    url = _text(given)
    if not url.startswith(("http://", "https://")):
        raise _Wrong("it does not begin with http:// or https://")
    return url.rstrip("/").removesuffix("/embeddings")


def _variable(given: object) -> str:
    name = _text(given)
    if not _VARIABLE.fullmatch(name):
        raise _Wrong("it is the name of a variable that holds the key, not the key")
    return name


def _number(low: int) -> Callable[[object], int]:
    def read(given: object) -> int:
        if not isinstance(given, int) or isinstance(given, bool):
            raise _Wrong("it is not a whole number")
        if not low <= given <= _LARGEST:
            raise _Wrong(f"it is outside {low} to {_LARGEST}")
        return given

    return read


def _pooling(given: object) -> str:
    word = _text(given).lower()
    if word not in POOLINGS:
        raise _Wrong("there is no such pooling")
    return word


@dataclass(frozen=True, slots=True)
class _Field:
    read: Callable[[object], object]
    accepted: str
    goes_with: str = ""
    """``path`` or ``url``, where only one kind of model has the field."""


_FIELDS: Final[dict[str, _Field]] = {
    "path": _Field(_text, "a directory with model.onnx and tokenizer.json", "path"),
    "file": _Field(_text, "a file in the directory, such as onnx/model_quantized.onnx", "path"),
    "pooling": _Field(_pooling, ", ".join(POOLINGS), "path"),
    "url": _Field(_url, "a URL such as http://127.0.0.1:8000/v1", "url"),
    "model": _Field(_text, "the server's name of the model", "url"),
    "api_key_env": _Field(_variable, "the name of an environment variable", "url"),
    "dimension": _Field(_number(1), f"a whole number, 1 to {_LARGEST}"),
    "max_tokens": _Field(_number(8), f"a whole number, 8 to {_LARGEST}"),
    "query_prefix": _Field(_prefix, 'a text such as "query: "'),
    "document_prefix": _Field(_prefix, 'a text such as "passage: "'),
}


def read_models_file(path: Path) -> dict[str, CustomModel]:
    """Read a file that holds models and nothing else.

    Raises:
        InvalidConfig: it cannot be read, or something in it cannot be used.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
        data = tomllib.loads(text)
    except OSError as error:
        raise InvalidConfig(
            f"{str(path)!r} cannot be read: {error.strerror or error}.",
            hint="COCO_MODELS_FILE must name a TOML file with [models.NAME] tables.",
        ) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConfig(f"{str(path)!r} is not valid TOML: {error}.") from error
    for key in data:
        if key != TABLE:
            where = _Places(path, text).origin(key)
            raise InvalidConfig(
                f"There is {key!r} in a file of models ({where}).",
                hint="Write one table for each model: [models.NAME]",
                details={"origin": where},
            )
    return read_models(data.get(TABLE, {}), path, text)


def read_models(tables: object, path: Path, text: str) -> dict[str, CustomModel]:
    """Read the table `TABLE` of a settings file.

    Args:
        tables: what the file holds under that name.
        path: the file; relative directories are looked for beside it.
        text: its content, for the lines in messages.

    Raises:
        InvalidConfig: something cannot be used; the message names file, line and field.
    """
    places = _Places(path, text)
    if not isinstance(tables, Mapping):
        raise _problem(places, (TABLE,), f"is {tables!r}", "Write: [models.NAME]")
    return {name: _read_model(name, table, places) for name, table in tables.items()}


def close_name(name: str, known: Iterable[str]) -> str:
    """Return a hint: the known name that was probably meant; nothing when none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}? " if close else ""


def _read_model(name: str, table: object, places: _Places) -> CustomModel:
    where = (TABLE, name)
    if not _NAME.fullmatch(name):
        raise _problem(
            places, where, "is no name", "Use letters, digits and . _ - : / @, at most 100."
        )
    if name in _TAKEN:
        raise _problem(places, where, "is built in", "Give your model another name.")
    if not isinstance(table, Mapping):
        raise _problem(places, where, f"is {table!r}", f"Write a table: [models.{name}]")
    values: dict[str, Any] = {}
    for key, given in table.items():
        field = _FIELDS.get(key)
        if field is None:
            raise _problem(places, (*where, key), "is unknown", _unknown(name, key, given))
        try:
            values[key] = field.read(given)
        except _Wrong as error:
            raise _problem(
                places, (*where, key), f"is {given!r}: {error}", f"Accepted: {field.accepted}."
            ) from error
    _check_kind(values, places, where)
    if "path" in values:
        values["path"] = (places.path.parent / Path(values["path"]).expanduser()).resolve()
    return CustomModel(name=name, origin=places.origin(*where), **values)


def _check_kind(values: Mapping[str, object], places: _Places, where: tuple[str, ...]) -> None:
    kinds = [kind for kind in ("path", "url") if kind in values]
    if len(kinds) != 1:
        problem = "has both path and url" if kinds else "has neither path nor url"
        raise _problem(
            places,
            where,
            problem,
            'Write path = "DIRECTORY" for an ONNX model, or url = "http://HOST/v1" for a server.',
        )
    for key in values:
        if _FIELDS[key].goes_with not in ("", kinds[0]):
            raise _problem(
                places,
                (*where, key),
                f"has no meaning with {kinds[0]}",
                f"It goes with {_FIELDS[key].goes_with}.",
            )


def _unknown(name: str, key: str, given: object) -> str:
    if isinstance(given, Mapping):
        # The dot of a name that is not quoted separates tables.
        return f'Quote a name that has a dot: [models."{name}.{key}"]'
    return f"{close_name(key, _FIELDS)}Known: {', '.join(_FIELDS)}."


def _problem(places: _Places, where: tuple[str, ...], problem: str, hint: str) -> InvalidConfig:
    origin = places.origin(*where)
    return InvalidConfig(
        f"{'.'.join(where)} ({origin}) {problem}.",
        hint=hint,
        details={"setting": ".".join(where), "origin": origin},
    )


class _Places:
    """On which lines of a TOML file its tables and keys stand."""

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._lines: dict[tuple[str, ...], int] = {}
        table: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            stripped = line.strip()
            if stripped.startswith("["):
                table = _keys(stripped)
                self._note(table, number)
            elif "=" in stripped:
                self._note((*table, *_keys(f"{stripped.partition('=')[0]} = 0")), number)

    def origin(self, *keys: str) -> str:
        """Return ``FILE:LINE`` of a key, or of the nearest table around it."""
        for length in range(len(keys), 0, -1):
            line = self._lines.get(keys[:length])
            if line is not None:
                return f"{self.path}:{line}"
        return str(self.path)

    def _note(self, keys: tuple[str, ...], number: int) -> None:
        for length in range(1, len(keys) + 1):
            self._lines.setdefault(keys[:length], number)


def _keys(statement: str) -> tuple[str, ...]:
    """Return the dotted key of one line; nothing for a line within a longer value."""
    try:
        found: object = tomllib.loads(statement)
    except tomllib.TOMLDecodeError:
        return ()
    keys: list[str] = []
    while isinstance(found, dict) and len(found) == 1:
        [(key, found)] = found.items()
        keys.append(key)
    return tuple(keys)
