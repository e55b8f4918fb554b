"""Every language CoCo knows by name, read from ``languages.txt`` beside this module."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from importlib import resources

__all__ = ["LANGUAGES", "WASM", "Language", "LanguageKind", "Parser"]

WASM = "wasm"
"""In the grammar's column: published as a WebAssembly grammar, fetched when it is needed."""


class LanguageKind(StrEnum):
    """What files of a language are for."""

    CODE = "code"
    DOCS = "docs"
    CONFIG = "config"
    DATA = "data"
    TEXT = "text"


class Parser(StrEnum):
    """What cuts the files of a language."""

    NATIVE = "native"
    """A grammar that is built in."""
    WASM = "wasm"
    """A WebAssembly grammar, once it is installed; until then as text."""
    TEXT = "text"
    """Lines and paragraphs, or the language's own section reader."""


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
    """``module:function`` of the native grammar, or ``wasm``; empty if there is none."""

    @property
    def parser(self) -> Parser:
        """What cuts the language's files."""
        if self.grammar == WASM:
            return Parser.WASM
        return Parser.NATIVE if self.grammar else Parser.TEXT


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
