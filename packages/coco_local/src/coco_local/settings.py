"""Settings: flags over environment over ``config.toml`` over ``.coco.toml`` over defaults."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from coco_core.errors import InvalidConfig
from coco_local.home import CocoHome
from coco_local.setting_fields import FIELDS, Field, WrongValue

if TYPE_CHECKING:
    from coco_embed.custom_models import CustomModel

__all__ = [
    "PROJECT_FILE",
    "SettingValue",
    "Settings",
    "explain_settings",
    "for_project",
    "load_settings",
]

PROJECT_FILE = ".coco.toml"
"""The project's own settings; they travel with its sources, so they may not touch the daemon."""

_DEFAULT = "default"

# The table of custom models: no field, for it has fields of its own.
_MODELS = "models"

# Only these mean this machine whatever the name resolver says.
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

# Read by no setting, and still not a mistake: one is ignored by contract, one was read already.
_NOT_SETTINGS = frozenset({"COCO_MODE", "COCO_HOME"})


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


@dataclass(frozen=True, slots=True)
class SettingValue:
    """One setting with the place that decided it."""

    name: str
    value: object
    origin: str
    """``flag --port``, ``env COCO_PORT``, ``<file>:<line>`` or ``default``."""


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
    warnings = _unknown_keys(file, {field.name: field for field in FIELDS}, project_file=True)
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
    secret = {field.name for field in FIELDS if field.secret}
    return [
        replace(entry, value="(set)") if entry.name in secret and entry.value else entry
        for entry in _read(flags or {}, environ, project).values
    ]


@dataclass(slots=True)
class _Reading:
    home: CocoHome
    values: list[SettingValue]
    warnings: list[str]
    models: Mapping[str, CustomModel]


@dataclass(frozen=True, slots=True)
class _File:
    """A TOML file with the lines on which its keys stand."""

    path: Path
    text: str
    data: Mapping[str, object]
    lines: Mapping[str, int]

    def origin(self, key: str) -> str:
        line = self.lines.get(key)
        return f"{self.path}:{line}" if line else str(self.path)


def _read(
    flags: Mapping[str, object], environ: Mapping[str, str], project: Path | None
) -> _Reading:
    warnings = _unknown_environment(environ)
    named_home = flags.get("home")
    home = (
        CocoHome(Path(str(named_home)).expanduser().resolve())
        if named_home is not None
        else CocoHome.find(environ)
    )
    user = _load_file(home.config)
    own = _load_file(project / PROJECT_FILE) if project is not None else None
    known = {field.name: field for field in FIELDS}
    for name in flags:
        if name != "home" and name not in known:
            raise InvalidConfig(f"Unknown setting {name!r}.", hint=_suggest(name, known))
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
    values += [
        _decide(field, flags, environ, files)
        or SettingValue(field.name, field.default(home), _DEFAULT)
        for field in FIELDS
    ]
    return _Reading(home, values, warnings, _models(user))


def _models(user: _File | None) -> Mapping[str, CustomModel]:
    if user is None or _MODELS not in user.data:
        return {}
    # Few have models of their own, and every command reads the settings.
    from coco_embed.custom_models import read_models

    return read_models(user.data[_MODELS], user.path, user.text)


def _decide(
    field: Field,
    flags: Mapping[str, object],
    environ: Mapping[str, str],
    files: Sequence[_File],
) -> SettingValue | None:
    given = flags.get(field.name)
    if given is not None:
        return _value(field, given, f"flag {field.flag}", Path.cwd())
    for variable in field.variables:
        text = environ.get(variable, "").strip()
        if text:
            return _value(field, text, f"env {variable}", Path.cwd())
    for file in files:
        if field.name in file.data:
            where = file.origin(field.name)
            return _value(field, file.data[field.name], where, file.path.parent)
    return None


def _value(field: Field, given: object, origin: str, base: Path) -> SettingValue:
    try:
        return SettingValue(field.name, field.read(given, base), origin)
    except WrongValue as error:
        shown = "(hidden)" if field.secret else repr(given)
        raise InvalidConfig(
            f"{field.name} is {shown} ({origin}): {error}.",
            hint=f"Accepted: {field.accepted}.",
            details={"setting": field.name, "origin": origin},
        ) from error


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
        text = raw.decode("utf-8-sig")
        data = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidConfig(
            f"{str(path)!r} is not valid TOML: {error}.",
            hint="Lines look like: port = 3456",
        ) from error
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        key = line.partition("=")[0].strip().strip("\"'")
        if line.startswith("["):
            key = line.strip("[] ").partition(".")[0]
        if key in data:
            lines.setdefault(key, number)
    return _File(path, text, data, lines)


def _unknown_environment(environ: Mapping[str, str]) -> list[str]:
    known = {variable for field in FIELDS for variable in field.variables} | _NOT_SETTINGS
    return [
        f"The environment variable {name} means nothing to CoCo. {_suggest(name, known)}"
        for name in sorted(environ)
        if name.startswith("COCO_") and name not in known
    ]


def _unknown_keys(file: _File, known: Mapping[str, Field], *, project_file: bool) -> list[str]:
    allowed = {name for name, field in known.items() if field.project or not project_file}
    warnings: list[str] = []
    user_only = {"home", _MODELS, *known} - allowed
    for key in file.data:
        if project_file and key in user_only:
            raise InvalidConfig(
                f"{key} may not be set in a project ({file.origin(key)}): "
                "whoever writes the sources must not steer the daemon.",
                hint="Set it in ~/.coco/config.toml. "
                f"A project may set {', '.join(sorted(allowed))}.",
                details={"setting": key, "origin": file.origin(key)},
            )
        if key not in known and key != _MODELS:
            hint = _suggest(key, allowed if project_file else allowed | {_MODELS})
            warnings.append(f"The setting {key!r} ({file.origin(key)}) is unknown. {hint}")
    return warnings


def _suggest(name: str, known: Mapping[str, object] | set[str] | frozenset[str]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."
