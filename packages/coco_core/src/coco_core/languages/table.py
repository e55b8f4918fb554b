"""Every language CoCo knows by name, read from ``languages.txt`` beside this module."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

__all__ = ["LANGUAGES", "Language", "LanguageKind"]


class LanguageKind(StrEnum):
    """What files of a language are for."""

    CODE = "code"
    DOCS = "docs"
    CONFIG = "config"
    DATA = "data"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Language:
    """A language and how its files are recognized."""

    name: str
    kind: LanguageKind
    extensions: tuple[str, ...] = ()
    """Lower case, with the dot; may hold two dots (``.d.ts``)."""
    filenames: tuple[str, ...] = ()
    """Lower case; a trailing ``*`` stands for anything."""
    shebangs: tuple[str, ...] = ()
    """Interpreters, without version numbers."""
    aliases: tuple[str, ...] = ()
    """Other names, as in a fenced block's info string or an editor's mode line."""
    grammar: str = ""
    """``module:function`` of the native grammar; empty if there is none."""


def _parse(row: str) -> Language:
    name, kind, extensions, filenames, shebangs, aliases, *rest = row.split("|")
    return Language(
        name=name,
        kind=LanguageKind(kind),
        extensions=tuple(extensions.split()),
        filenames=tuple(filenames.split()),
        shebangs=tuple(shebangs.split()),
        aliases=tuple(aliases.split()),
        grammar=rest[0] if rest else "",
    )


def _read() -> tuple[Language, ...]:
    path = resources.files("coco_core.languages") / "languages.txt"
    rows = path.read_text(encoding="utf-8").splitlines()
    return tuple(_parse(row) for row in rows if row and not row.startswith("#"))


LANGUAGES: tuple[Language, ...] = _read()
