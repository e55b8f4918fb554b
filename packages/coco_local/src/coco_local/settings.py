"""Settings, by precedence: flags, environment, ``config.toml``, ``.coco.toml``, defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote, urlsplit

from coco_core.errors import InvalidConfig
from coco_core.settings import (
    Setting,
    SettingValue,
    WrongValue,
    decide,
    hide_secrets,
    integer,
    log_level,
    read_value,
    refuse_unknown_flags,
    size,
    suggest,
    text,
    unknown_variables,
)
from coco_core.toml_lines import TomlLines
from coco_local.home import CocoHome

if TYPE_CHECKING:
    from coco_embed.custom_models import CustomModel
    from coco_embed.reranking.registered import RegisteredReranker

__all__ = [
    "FIELDS",
    "PROJECT_FILE",
    "Settings",
    "explain_settings",
    "for_project",
    "load_settings",
]

PROJECT_FILE = ".coco.toml"
"""The project's own settings; they travel with its sources, so they may not touch the daemon."""

_DEFAULT = "default"

# The tables of models and rerankers: no fields, for they have fields of their own.
_MODELS, _RERANKERS = "models", "rerankers"
_TABLES = frozenset({_MODELS, _RERANKERS})

# Only these mean this machine whatever the name resolver says.
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# What a project may set for itself: it touches nothing but the project's own index.
_OF_PROJECT = frozenset({"max_file_bytes", "config_id", "include", "exclude"})

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})


def _boolean(given: object, base: Path) -> bool:
    del base
    word = str(given).strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise WrongValue("it is neither true nor false")


def _path(given: object, base: Path) -> Path:
    if not isinstance(given, str | Path) or not str(given).strip():
        raise WrongValue("it is not a path")
    return (base / Path(given).expanduser()).resolve()


def _database(given: object, base: Path) -> Path:
    if "://" not in str(given):
        return _path(given, base)
    url = urlsplit(str(given).strip())
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


FIELDS: Final[tuple[Setting, ...]] = (
    Setting("host", text, "an address of this machine, such as 127.0.0.1", "127.0.0.1"),
    # 0 asks the system for a free port: clients read the real one from the lock.
    Setting("port", integer(0, 65_535), "a port, 0 to 65535 (0: any free one)", 3456),
    Setting("meta_db", _database, "a path or a sqlite:/// URL", aliases=("COCO_DB_URL",)),
    Setting("vector_dir", _path, "a directory", aliases=("COCO_LANCEDB_PATH",)),
    # Text above 1 MiB is data or generated; the ceiling keeps one file within memory many times.
    Setting("max_file_bytes", size(1, 1 << 28), "a size such as 1048576, 512k or 2MiB", 1 << 20),
    # An editor's save is several events within some 50 ms; 200 ms gathers them unnoticed.
    Setting("debounce_ms", integer(0, 60_000), "milliseconds, 0 to 60000", 200),
    Setting("max_lag_ms", integer(0, 600_000), "milliseconds, 0 to 600000", 2000),
    # One listing costs some 0.1 s; every 5 minutes that is 0.03 % of a core. 0 switches it off.
    Setting("rescan_seconds", integer(0, 86_400), "seconds, 0 to 86400 (0: never)", 300),
    Setting("model_name", text, "the name of an embedding model", "all-MiniLM-L6-v2"),
    Setting("model_url", text, "a file, a directory URL or the base of a mirror"),
    Setting("model_mirror", text, "the base URL of a model hub's mirror"),
    Setting("api_key", text, "a text of one line", secret=True),
    Setting("embed_threads", integer(1, 256), "a number of threads, 1 to 256"),
    Setting("offline", _boolean, "true or false", False),
    Setting("grammar_fetch", _boolean, "true or false", True),
    Setting("grammar_source", text, "a folder, a URL or npm:PACKAGE"),
    Setting("log_level", log_level, "debug, info, warning or error", "info"),
    Setting("config_id", text, "the id of an indexing config", "default"),
    Setting("include", _patterns, "a list of patterns as in .gitignore", ()),
    Setting("exclude", _patterns, "a list of patterns as in .gitignore", ()),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that can be set, after all sources were read."""

    home: CocoHome
    host: str
    port: int
    meta_db: Path
    vector_dir: Path
    max_file_bytes: int
    debounce_ms: int
    max_lag_ms: int
    rescan_seconds: int
    model_name: str
    model_url: str | None
    model_mirror: str | None
    api_key: str | None
    embed_threads: int | None
    offline: bool
    grammar_fetch: bool
    grammar_source: str | None
    log_level: str
    config_id: str
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    models: Mapping[str, CustomModel]
    """Custom embedding models by name, from the user's file alone."""
    rerankers: Mapping[str, RegisteredReranker]
    """Rerankers by name, from the user's file alone."""
    warnings: tuple[str, ...] = ()
    """What was written somewhere and means nothing: unknown names, with what was probably meant."""
    defaulted: frozenset[str] = frozenset()
    """Names that nobody has set: a project may still do so."""

    @property
    def exposed(self) -> bool:
        """Whether other machines can reach the daemon."""
        return self.host not in _LOOPBACK

    @property
    def base_url(self) -> str:
        """Where a client on this machine finds the daemon."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(self.host, self.host)  # noqa: S104 - compared, not bound
        return f"http://{host}:{self.port}"


def load_settings(
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str],
    project: Path | None = None,
) -> Settings:
    """Read every source; a flag that is None counts as not given.

    Raises:
        InvalidConfig: a value cannot be used; the message names where it stands.
    """
    reading = _read(flags or {}, environ, project)
    values = {entry.name: entry.value for entry in reading.values}
    values.pop("home")
    # Each field's reader gives the field's type; a test compares the table with the class.
    typed = cast("dict[str, Any]", values)
    return Settings(
        home=reading.home,
        warnings=tuple(reading.warnings),
        defaulted=frozenset(entry.name for entry in reading.values if entry.origin == _DEFAULT),
        models=reading.models,
        rerankers=reading.rerankers,
        **typed,
    )


def for_project(settings: Settings, project: Path) -> Settings:
    """Return the settings with what the project's own file sets and nobody above it does.

    Raises:
        InvalidConfig: the file cannot be read, or sets what is not the project's to set.
    """
    file = _load_file(project / PROJECT_FILE)
    if file is None:
        return settings
    warnings = _unknown_keys(file, {field.name for field in FIELDS}, project_file=True)
    own: dict[str, Any] = {}
    for field in FIELDS:
        found = _decide(field, {}, {}, [file]) if field.name in settings.defaulted else None
        if found is not None:
            own[field.name] = found.value
    return replace(settings, warnings=(*settings.warnings, *warnings), **own)


def explain_settings(
    flags: Mapping[str, object] | None = None,
    *,
    environ: Mapping[str, str],
    project: Path | None = None,
) -> list[SettingValue]:
    """Return every setting with its origin; a secret shows only that it is set."""
    return hide_secrets(_read(flags or {}, environ, project).values, FIELDS)


@dataclass(slots=True)
class _Reading:
    home: CocoHome
    values: list[SettingValue]
    warnings: list[str]
    models: Mapping[str, CustomModel]
    rerankers: Mapping[str, RegisteredReranker]


@dataclass(frozen=True, slots=True)
class _File:
    """A TOML file with the lines on which its keys stand."""

    path: Path
    content: str
    data: Mapping[str, object]
    lines: TomlLines

    def origin(self, key: str) -> str:
        return self.lines.origin(key)


def _read(
    flags: Mapping[str, object], environ: Mapping[str, str], project: Path | None
) -> _Reading:
    warnings = unknown_variables(environ, FIELDS, "CoCo")
    named_home = flags.get("home")
    home = (
        CocoHome(Path(str(named_home)).expanduser().resolve())
        if named_home is not None
        else CocoHome.find(environ)
    )
    user = _load_file(home.config)
    own = _load_file(project / PROJECT_FILE) if project is not None else None
    known = {field.name for field in FIELDS}
    refuse_unknown_flags(flags.keys() - {"home"}, known)
    for file in (user, own):
        if file is not None:
            warnings += _unknown_keys(file, known, project_file=file is own)
    origin = (
        "flag --home"
        if named_home is not None
        else "env COCO_HOME"
        if environ.get("COCO_HOME", "").strip()
        else _DEFAULT
    )
    values = [SettingValue("home", str(home.root), origin)]
    files = [file for file in (user, own) if file is not None]
    defaults = {"meta_db": home.database, "vector_dir": home.vectors}
    values += [
        _decide(field, flags, environ, files)
        or SettingValue(field.name, defaults.get(field.name, field.default), _DEFAULT)
        for field in FIELDS
    ]
    return _Reading(home, values, warnings, _models(user), _rerankers(user))


def _models(user: _File | None) -> Mapping[str, CustomModel]:
    if user is None or _MODELS not in user.data:
        return {}
    # Few have models of their own, and every command reads the settings.
    from coco_embed.custom_models import MODELS

    return MODELS.read(user.data[_MODELS], user.path, user.content)


def _rerankers(user: _File | None) -> Mapping[str, RegisteredReranker]:
    if user is None or _RERANKERS not in user.data:
        return {}
    from coco_embed.reranking.registered import RERANKERS

    return RERANKERS.read(user.data[_RERANKERS], user.path, user.content)


def _decide(
    setting: Setting,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    files: Sequence[_File],
) -> SettingValue | None:
    found = decide(setting, flags, environ)
    for file in files if found is None else ():
        if setting.name in file.data:
            where = file.origin(setting.name)
            return read_value(setting, file.data[setting.name], where, file.path.parent)
    return found


def _load_file(path: Path) -> _File | None:
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidConfig(
            f"{str(path)!r} cannot be read: {error.strerror or error}.",
            hint="Change its permissions, or move it away.",
        ) from error
    try:
        content = raw.decode("utf-8-sig")
        data = tomllib.loads(content)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConfig(
            f"{str(path)!r} is not valid TOML: {error}.",
            hint="Lines look like: port = 3456",
        ) from error
    return _File(path, content, data, TomlLines(path, content))


def _unknown_keys(file: _File, known: Collection[str], *, project_file: bool) -> list[str]:
    allowed = {name for name in known if name in _OF_PROJECT or not project_file}
    warnings: list[str] = []
    user_only = {"home", *_TABLES, *known} - allowed
    for key in file.data:
        if project_file and key in user_only:
            raise InvalidConfig(
                f"{key} may not be set in a project ({file.origin(key)}): "
                "a repository must not control the daemon.",
                hint="Set it in ~/.coco/config.toml. "
                f"A project may set {', '.join(sorted(allowed))}.",
                details={"setting": key, "origin": file.origin(key)},
            )
        if key not in known and key not in _TABLES:
            hint = suggest(key, allowed if project_file else allowed | _TABLES)
            warnings.append(f"The setting {key!r} ({file.origin(key)}) is unknown. {hint}")
    return warnings
