"""Languages: their names, detection by file, and the grammars that parse them."""

from __future__ import annotations

from difflib import get_close_matches

from coco_core.errors import InvalidInput
from coco_core.languages.detection import (
    add_language,
    detect_language,
    is_code,
    known_languages,
    known_names,
    language_of_extension,
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
    "language_of_extension",
    "languages",
    "named_language",
]

# Names that are offered for one that does not exist.
_MOST_ALIKE = 3
# A letter or two of a word, in the wrong place or missing.
_ALIKE = 0.7

_FAMILIAR = "python, javascript, typescript, java, go, rust, c, cpp, csharp, ruby, php, markdown"


def language(name: str) -> Language:
    """Return the language of a name, a well-known other name, or an extension: ``c++``, ``.rs``.

    Raises:
        InvalidInput: there is none; it names those that are spelled alike.
    """
    found = named_language(name) or language_of_extension(name)
    if found is not None:
        return found
    near = get_close_matches(name.strip().lower(), known_names(), _MOST_ALIKE, _ALIKE)
    alike = dict.fromkeys(language(each).name for each in near)
    hint = f"Did you mean {' or '.join(alike)}?" if alike else f"Known are {_FAMILIAR}, and more."
    raise InvalidInput(f"There is no language {name!r}.", hint=hint)


def languages() -> tuple[Language, ...]:
    """Return all known languages, the ones with a built-in grammar first."""
    return known_languages()
