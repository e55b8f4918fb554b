"""Custom models: parses and validates the ``[models.NAME]`` tables of a TOML file.

It imports nothing heavy: settings are read by commands that embed nothing.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from coco_core.errors import InvalidConfig
from coco_core.settings import Setting, SettingReader, WrongValue, one_of, text
from coco_core.toml_lines import TomlLines

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


def _prefix(given: object, base: Path) -> str:
    del base
    # Blank space at its end belongs to it: "query: ".
    if not isinstance(given, str):
        raise WrongValue("it is not a text")
    return given


def _url(given: object, base: Path) -> str:
    url = text(given, base)
    if not url.startswith(("http://", "https://")):
        raise WrongValue("it does not begin with http:// or https://")
    return url.rstrip("/").removesuffix("/embeddings")


def _variable(given: object, base: Path) -> str:
    name = text(given, base)
    if not _VARIABLE.fullmatch(name):
        raise WrongValue("it is the name of a variable that holds the key, not the key")
    return name


def _number(low: int) -> SettingReader:
    def read(given: object, base: Path) -> int:
        del base
        # A TOML file has numbers of its own: a text is none.
        if not isinstance(given, int) or isinstance(given, bool):
            raise WrongValue("it is not a whole number")
        if not low <= given <= _LARGEST:
            raise WrongValue(f"it is outside {low} to {_LARGEST}")
        return given

    return read


_FIELDS: Final[dict[str, Setting]] = {
    field.name: field
    for field in (
        Setting("path", text, "a directory with model.onnx and tokenizer.json"),
        Setting("file", text, "a file in the directory, such as onnx/model_quantized.onnx"),
        Setting("pooling", one_of(*POOLINGS), ", ".join(POOLINGS)),
        Setting("url", _url, "a URL such as http://127.0.0.1:8000/v1"),
        Setting("model", text, "the server's name of the model"),
        Setting("api_key_env", _variable, "the name of an environment variable"),
        Setting("dimension", _number(1), f"a whole number, 1 to {_LARGEST}"),
        Setting("max_tokens", _number(8), f"a whole number, 8 to {_LARGEST}"),
        Setting("query_prefix", _prefix, 'a text such as "query: "'),
        Setting("document_prefix", _prefix, 'a text such as "passage: "'),
    )
}

# Fields that only one kind of model has.
_GOES_WITH: Final = {
    "path": "path",
    "file": "path",
    "pooling": "path",
    "url": "url",
    "model": "url",
    "api_key_env": "url",
}


def read_models_file(path: Path) -> dict[str, CustomModel]:
    """Read a file that holds models and nothing else.

    Raises:
        InvalidConfig: it cannot be read, or something in it cannot be used.
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
        if key != TABLE:
            where = TomlLines(path, content).origin(key)
            raise InvalidConfig(
                f"There is {key!r} in a file of models ({where}).",
                hint="Write one table for each model: [models.NAME]",
                details={"origin": where},
            )
    return read_models(data.get(TABLE, {}), path, content)


def read_models(tables: object, path: Path, content: str) -> dict[str, CustomModel]:
    """Read the table `TABLE` of a settings file.

    Args:
        tables: what the file holds under that name.
        path: the file; relative directories are looked for beside it.
        content: of the file, for the lines in messages.

    Raises:
        InvalidConfig: something cannot be used; the message names file, line and field.
    """
    places = TomlLines(path, content)
    if not isinstance(tables, Mapping):
        raise _problem(places, (TABLE,), f"is {tables!r}", "Write: [models.NAME]")
    return {name: _read_model(name, table, places) for name, table in tables.items()}


def close_name(name: str, known: Iterable[str]) -> str:
    """Return a hint: the known name that was probably meant; nothing when none is near."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}? " if close else ""


def _read_model(name: str, table: object, places: TomlLines) -> CustomModel:
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
            values[key] = field.read(given, places.path.parent)
        except WrongValue as error:
            raise _problem(
                places, (*where, key), f"is {given!r}: {error}", f"Accepted: {field.accepted}."
            ) from error
    _check_kind(values, places, where)
    if "path" in values:
        values["path"] = (places.path.parent / Path(values["path"]).expanduser()).resolve()
    return CustomModel(name=name, origin=places.origin(*where), **values)


def _check_kind(values: Mapping[str, object], places: TomlLines, where: tuple[str, ...]) -> None:
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
        if _GOES_WITH.get(key, kinds[0]) != kinds[0]:
            raise _problem(
                places,
                (*where, key),
                f"has no meaning with {kinds[0]}",
                f"It goes with {_GOES_WITH[key]}.",
            )


def _unknown(name: str, key: str, given: object) -> str:
    if isinstance(given, Mapping):
        # The dot of a name that is not quoted separates tables.
        return f'Quote a name that has a dot: [models."{name}.{key}"]'
    return f"{close_name(key, _FIELDS)}Known: {', '.join(_FIELDS)}."


def _problem(places: TomlLines, where: tuple[str, ...], problem: str, hint: str) -> InvalidConfig:
    origin = places.origin(*where)
    return InvalidConfig(
        f"{'.'.join(where)} ({origin}) {problem}.",
        hint=hint,
        details={"setting": ".".join(where), "origin": origin},
    )
