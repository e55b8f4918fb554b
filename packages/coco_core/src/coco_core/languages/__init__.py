"""Languages: their names, detection by file, and the grammars that parse them."""

from __future__ import annotations

from coco_core.errors import InvalidInput
from coco_core.languages.detection import (
    add_language,
    detect_language,
    is_code,
    known_languages,
    named_language,
)
from coco_core.languages.table import Language, LanguageKind, Parser

__all__ = [
    "Language",
    "LanguageKind",
    "Parser",
    "add_language",
    "detect_language",
    "is_code",
    "language",
    "languages",
    "named_language",
]


def language(name: str) -> Language:
    """Return the language of a name or a well-known other name (``c++``, ``py``)."""
    found = named_language(name)
    if found is None:
        raise InvalidInput(
            f"Unknown language {name!r}.",
            hint="`coco_core.languages.languages()` lists the known ones.",
        )
    return found


def languages() -> tuple[Language, ...]:
    """Return all known languages, the ones with a built-in grammar first."""
    return known_languages()
