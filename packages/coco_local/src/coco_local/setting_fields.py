"""What each setting is called, accepts and defaults to: the table behind `coco_local.settings`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from coco_local.home import CocoHome

__all__ = ["FIELDS", "Field", "WrongValue"]


class WrongValue(ValueError):
    """A value that the setting does not accept; the text says why."""


Reader = Callable[[object, Path], object]


@dataclass(frozen=True, slots=True)
class Field:
    """One setting."""

    name: str
    read: Reader
    accepted: str
    default: Callable[[CocoHome], object]
    aliases: tuple[str, ...] = field(default=())
    project: bool = False
    """Whether a project may set it for itself."""
    secret: bool = False
    """Whether the value must never be printed."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables, the first that is set wins."""
        return (f"COCO_{self.name.upper()}", *self.aliases)

    @property
    def flag(self) -> str:
        """How the command line calls it."""
        return "--" + self.name.replace("_", "-")


_UNITS: Final = {"": 1, "b": 1, "k": 1000, "kb": 1000, "kib": 1024, "m": 10**6, "mb": 10**6,
                 "mib": 1 << 20, "g": 10**9, "gb": 10**9, "gib": 1 << 30}  # fmt: skip
_SIZE: Final = re.compile(r"([0-9][0-9_]*)\s*([a-zA-Z]*)")
_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_LEVELS: Final = ("debug", "info", "warning", "error")


def _integer(low: int, high: int) -> Reader:
    def read(given: object, base: Path) -> int:
        del base
        if isinstance(given, bool):
            raise WrongValue("it is not a whole number")
        try:
            number = given if isinstance(given, int) else int(str(given).strip())
        except ValueError:
            raise WrongValue("it is not a whole number") from None
        if not low <= number <= high:
            raise WrongValue(f"it is outside {low} to {high}")
        return number

    return read


def _size(low: int, high: int) -> Reader:
    def read(given: object, base: Path) -> int:
        del base
        match = _SIZE.fullmatch(str(given).strip())
        unit = _UNITS.get(match[2].lower()) if match else None
        if match is None or unit is None or isinstance(given, bool):
            raise WrongValue("it is not a size")
        number = int(match[1].replace("_", "")) * unit
        if not low <= number <= high:
            raise WrongValue(f"it is outside {low} to {high} bytes")
        return number

    return read


def _text(given: object, base: Path) -> str:
    del base
    if not isinstance(given, str) or not given.strip() or "\n" in given:
        raise WrongValue("it is not a text of one line")
    return given.strip()


def _boolean(given: object, base: Path) -> bool:
    del base
    word = str(given).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise WrongValue("it is neither true nor false")


def _level(given: object, base: Path) -> str:
    word = _text(given, base).lower()
    word = {"warn": "warning", "critical": "error", "trace": "debug"}.get(word, word)
    if word not in _LEVELS:
        raise WrongValue("there is no such level")
    return word


def _path(given: object, base: Path) -> Path:
    if not isinstance(given, str | Path) or not str(given).strip():
        raise WrongValue("it is not a path")
    return (base / Path(given).expanduser()).resolve()


def _database(given: object, base: Path) -> Path:
    text = str(given).strip()
    if "://" not in text:
        return _path(given, base)
    url = urlsplit(text)
    if url.scheme.partition("+")[0] != "sqlite":
        raise WrongValue("local mode keeps its metadata in SQLite and in nothing else")
    # sqlite:///relative and sqlite:////absolute, as everywhere that such URLs are read.
    path = unquote(url.path.removeprefix("/"))
    if not path or url.netloc:
        raise WrongValue("the URL names no file")
    return _path(path, base)


def _patterns(given: object, base: Path) -> tuple[str, ...]:
    del base
    if isinstance(given, str):
        given = [part for part in given.split(",") if part.strip()]
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
        raise WrongValue("it is not a list of patterns")
    return tuple(item.strip() for item in given if item.strip())


def _fixed(value: object) -> Callable[[CocoHome], object]:
    return lambda home: value  # noqa: ARG005 - the other defaults do depend on the home


FIELDS: Final[tuple[Field, ...]] = (
    Field("host", _text, "an address of this machine, such as 127.0.0.1", _fixed("127.0.0.1")),
    # 0 asks the system for a free port: clients read the real one from the lock.
    Field("port", _integer(0, 65_535), "a port, 0 to 65535 (0: any free one)", _fixed(3456)),
    Field("meta_db", _database, "a path or a sqlite:/// URL", lambda home: home.database,
          aliases=("COCO_DB_URL",)),
    Field("vector_dir", _path, "a directory", lambda home: home.vectors,
          aliases=("COCO_LANCEDB_PATH",)),
    # Text above 1 MiB is data or generated; the ceiling keeps one file within memory many times.
    Field("max_file_bytes", _size(1, 1 << 28), "a size such as 1048576, 512k or 2MiB",
          _fixed(1 << 20), project=True),
    # An editor's save is several events within some 50 ms; 200 ms gathers them unnoticed.
    Field("debounce_ms", _integer(0, 60_000), "milliseconds, 0 to 60000", _fixed(200)),
    Field("max_lag_ms", _integer(0, 600_000), "milliseconds, 0 to 600000", _fixed(2000)),
    # One listing costs some 0.1 s; every 5 minutes that is 0.03 % of a core. 0 switches it off.
    Field("rescan_seconds", _integer(0, 86_400), "seconds, 0 to 86400 (0: never)", _fixed(300)),
    Field("model_name", _text, "the name of an embedding model", _fixed("all-MiniLM-L6-v2")),
    Field("model_url", _text, "a file, a directory URL or the base of a mirror", _fixed(None)),
    Field("model_mirror", _text, "the base URL of a model hub's mirror", _fixed(None)),
    Field("api_key", _text, "a text of one line", _fixed(None), secret=True),
    Field("embed_threads", _integer(1, 256), "a number of threads, 1 to 256", _fixed(None)),
    Field("offline", _boolean, "true or false", _fixed(False)),
    Field("grammar_fetch", _boolean, "true or false", _fixed(True)),
    Field("grammar_source", _text, "a folder, a URL or npm:PACKAGE", _fixed(None)),
    Field("log_level", _level, "debug, info, warning or error", _fixed("info")),
    Field("config_id", _text, "the id of an indexing config", _fixed("default"), project=True),
    Field("include", _patterns, "a list of patterns as in .gitignore", _fixed(()), project=True),
    Field("exclude", _patterns, "a list of patterns as in .gitignore", _fixed(()), project=True),
)  # fmt: skip
