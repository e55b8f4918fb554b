"""The languages of the splitters: their names, file suffixes and grammars."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import NamedTuple

__all__ = ["Language", "all_languages", "detect_code_language", "find_language"]


class Language(NamedTuple):
    """A language; `grammar` is `module:function` of its syntax, empty if the splitter has none."""

    name: str
    grammar: str


@cache
def _languages() -> dict[str, Language]:
    """Return the languages by name, suffix and other names, in lower case."""
    rows = (resources.files("coco_flow.text") / "languages.txt").read_text(encoding="utf-8")
    found: dict[str, Language] = {}
    for row in rows.splitlines():
        if row and not row.startswith("#"):
            name, suffixes, names, grammar = row.split("|")
            language = Language(name, grammar)
            for key in (name, *suffixes.split(), *names.split()):
                found[key] = language
    return found


def all_languages() -> list[Language]:
    """Return every language once."""
    return list(dict.fromkeys(_languages().values()))


def find_language(name: str) -> Language | None:
    """Return the language of a name, another name for it or a file suffix, in any case."""
    return _languages().get(name.lower())


def detect_code_language(*, filename: str) -> str | None:
    """Return the language of the last suffix of a file name, or None."""
    dot = filename.rfind(".")
    if dot < 0:
        return None
    language = find_language(filename[dot:])
    return None if language is None else language.name
