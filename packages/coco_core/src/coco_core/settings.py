"""Tables of settings: what each is called, accepts and defaults to, and which source decides it.

Flags come before the environment, and both before files and defaults. The products read their
sources; nothing is opened here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from coco_core.errors import InvalidConfig

__all__ = [
    "LARGEST_INTEGER",
    "Setting",
    "SettingReader",
    "SettingValue",
    "WrongValue",
    "decide",
    "hide_secrets",
    "integer",
    "log_level",
    "one_of",
    "read_value",
    "refuse_unknown_flags",
    "size",
    "suggest",
    "text",
    "unknown_variables",
]

LARGEST_INTEGER: Final = 2**53 - 1
"""The largest integer that every reader of JSON keeps exact; more is no limit."""

_UNITS: Final = {"": 1, "b": 1, "k": 1000, "kb": 1000, "kib": 1024, "m": 10**6, "mb": 10**6,
                 "mib": 1 << 20, "g": 10**9, "gb": 10**9, "gib": 1 << 30, "t": 10**12,
                 "tb": 10**12, "tib": 1 << 40}  # fmt: skip
_SIZE: Final = re.compile(r"([0-9][0-9_]*)\s*([a-zA-Z]*)")

# Read by no setting, and still not a mistake: one is ignored by contract, one was read already.
_NOT_SETTINGS: Final = frozenset({"COCO_MODE", "COCO_HOME"})


class WrongValue(ValueError):
    """A value that the setting does not accept; the text says why."""


SettingReader: TypeAlias = Callable[[object, Path], object]
"""Turns what was given into the value, or raises `WrongValue`; paths are relative to the second."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting."""

    name: str
    read: SettingReader
    accepted: str
    default: object = None
    aliases: tuple[str, ...] = ()
    secret: bool = False
    """Whether the value must never be printed."""

    @property
    def variables(self) -> tuple[str, ...]:
        """Environment variables; the first that is set wins."""
        return (f"COCO_{self.name.upper()}", *self.aliases)

    @property
    def flag(self) -> str:
        """How the command line calls it."""
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True, slots=True)
class SettingValue:
    """One setting with the place that decided it."""

    name: str
    value: object
    origin: str
    """``flag --port``, ``env COCO_PORT``, ``<file>:<line>`` or ``default``."""


def decide(
    setting: Setting, flags: Mapping[str, object], environ: Mapping[str, str]
) -> SettingValue | None:
    """Return what a flag or the environment says; a flag that is None counts as not given.

    Raises:
        InvalidConfig: the value cannot be used.
    """
    given = flags.get(setting.name)
    if given is not None:
        return read_value(setting, given, f"flag {setting.flag}", Path.cwd())
    for variable in setting.variables:
        found = environ.get(variable, "").strip()
        if found:
            return read_value(setting, found, f"env {variable}", Path.cwd())
    return None


def read_value(setting: Setting, given: object, origin: str, base: Path) -> SettingValue:
    """Read a value; relative paths are below ``base``.

    Raises:
        InvalidConfig: it cannot be used; the message names where it stands.
    """
    try:
        return SettingValue(setting.name, setting.read(given, base), origin)
    except WrongValue as error:
        shown = "(hidden)" if setting.secret else repr(given)
        raise InvalidConfig(
            f"{setting.name} is {shown} ({origin}): {error}.",
            hint=f"Accepted: {setting.accepted}.",
            details={"setting": setting.name, "origin": origin},
        ) from error


def hide_secrets(values: Iterable[SettingValue], settings: Iterable[Setting]) -> list[SettingValue]:
    """Return the values to be shown: a secret shows only that it is set."""
    secret = {setting.name for setting in settings if setting.secret}
    return [
        replace(entry, value="(set)") if entry.name in secret and entry.value else entry
        for entry in values
    ]


def refuse_unknown_flags(flags: Iterable[str], known: Collection[str]) -> None:
    """Refuse a flag that no setting has.

    Raises:
        InvalidConfig: with the name that was probably meant.
    """
    for name in flags:
        if name not in known:
            raise InvalidConfig(f"Unknown setting {name!r}.", hint=suggest(name, known))


def unknown_variables(
    environ: Iterable[str], settings: Iterable[Setting], program: str, *others: str
) -> list[str]:
    """Return a warning for each ``COCO_`` variable that neither a setting nor ``others`` name."""
    known = {variable for setting in settings for variable in setting.variables}
    known |= {*_NOT_SETTINGS, *others}
    return [
        f"The environment variable {name} is no setting of {program}. {suggest(name, known)}"
        for name in sorted(environ)
        if name.startswith("COCO_") and name not in known
    ]


def suggest(name: str, known: Collection[str]) -> str:
    """Return a hint: the known name that was probably meant, or all of them."""
    # Every command reads the settings, and nearly none finds a wrong one.
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {close[0]}?" if close else f"Known: {', '.join(sorted(known))}."


def integer(low: int, high: int) -> SettingReader:
    """Read a whole number within these bounds."""

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


def size(low: int, high: int) -> SettingReader:
    """Read a number of bytes such as 512k or 2MiB within these bounds."""

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


def text(given: object, base: Path) -> str:
    """Read a text of one line that is not empty."""
    del base
    if not isinstance(given, str) or not given.strip() or "\n" in given:
        raise WrongValue("it is not a text of one line")
    return given.strip()


def one_of(*words: str) -> SettingReader:
    """Read one of these words, whatever its case."""

    def read(given: object, base: Path) -> str:
        word = text(given, base).lower()
        if word not in words:
            raise WrongValue("there is no such choice")
        return word

    return read


def log_level(given: object, base: Path) -> str:
    """Read a level of the log; what other programs call theirs is understood, too."""
    word = text(given, base).lower()
    word = {"warn": "warning", "critical": "error", "trace": "debug"}.get(word, word)
    if word not in ("debug", "info", "warning", "error"):
        raise WrongValue("there is no such level")
    return word
