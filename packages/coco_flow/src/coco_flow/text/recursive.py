"""The recursive splitter: chunks as large as allowed, cut at the strongest boundaries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from coco_flow.errors import DefinitionError
from coco_flow.text.atoms import collect_atoms
from coco_flow.text.chunks import Chunk, Position, as_chunk, locate
from coco_flow.text.languages import find_language
from coco_flow.text.levels import DEFAULT_LEVELS, Levels, compile_levels
from coco_flow.text.merge import merge

if TYPE_CHECKING:
    from coco_flow.text.syntax import Syntax

__all__ = ["CustomLanguage", "RecursiveSplitter"]


class CustomLanguage(Protocol):
    """A language of the caller: regular expressions of separators, the coarsest first."""

    @property
    def language_name(self) -> str:
        """Its name, compared without regard to case; it wins over a built-in one."""

    @property
    def separators_regex(self) -> Sequence[str]:
        """One regular expression for each level."""

    @property
    def aliases(self) -> Sequence[str]:
        """Other names, such as a file suffix."""


class RecursiveSplitter:
    """Splits texts; made once with the custom languages, it can be pickled and used by threads."""

    def __init__(self, *, custom_languages: Sequence[CustomLanguage] | None = None) -> None:
        self._custom: dict[str, Levels] = {}
        for language in custom_languages or ():
            levels = compile_levels(
                language.separators_regex,
                f"separators_regex of the language {language.language_name!r}",
            )
            for name in (language.language_name, *language.aliases):
                if name.casefold() in self._custom:
                    raise DefinitionError(
                        f"Duplicate language name or alias {name!r} among the custom languages.",
                        hint="Names and aliases are compared without regard to case.",
                    )
                self._custom[name.casefold()] = levels

    def split(
        self,
        text: str,
        chunk_size: int,
        *,
        min_chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        language: str | None = None,
        hard_limit: bool = False,
    ) -> list[Chunk]:
        """Return the chunks of a text in order; white space around them is left out.

        Args:
            text: the text.
            chunk_size: wanted upper bound of a chunk in bytes of UTF-8.
            min_chunk_size: wanted lower bound; half of `chunk_size` if None.
            chunk_overlap: upper bound of what neighbors share; the minimum bounds it too.
            language: name, other name or file suffix, in any case; an unknown one is plain text.
            hard_limit: cut also a word that is larger than `chunk_size`, between characters.
        """
        places = self.positions(
            text,
            chunk_size,
            min_chunk_size=min_chunk_size,
            chunk_overlap=chunk_overlap,
            language=language,
            hard_limit=hard_limit,
        )
        return [as_chunk(text, start, end) for start, end in places]

    def positions(
        self,
        text: str,
        chunk_size: int,
        *,
        min_chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        language: str | None = None,
        hard_limit: bool = False,
    ) -> list[tuple[Position, Position]]:
        """Return starts and ends of the chunks; see `split` for the arguments."""
        lower = chunk_size // 2 if min_chunk_size is None else min_chunk_size
        overlap = min(chunk_overlap or 0, lower)
        for name, value, least in (
            ("chunk_size", chunk_size, 1),
            ("min_chunk_size", lower, 0),
            ("chunk_overlap", chunk_overlap or 0, 0),
        ):
            if value < least:
                raise DefinitionError(f"{name}={value} is too small; give at least {least}.")
        data = text.encode()
        limit = overlap or lower
        atoms = collect_atoms(
            data, limit, self._cut_by(data, limit, language), chunk_size if hard_limit else None
        )
        spans = merge(
            atoms, len(data), chunk_size=chunk_size, min_chunk_size=lower, overlap=overlap
        )
        starts = locate(data, [start for start, _ in spans])
        ends = locate(data, [end for _, end in spans])
        return list(zip(starts, ends, strict=True))

    def _cut_by(self, data: bytes, limit: int, language: str | None) -> Levels | Syntax:
        if language is None or len(data) <= limit:
            return DEFAULT_LEVELS
        custom = self._custom.get(language.casefold())
        if custom is not None:
            return custom
        found = find_language(language)
        if found is None or not found.grammar:
            return DEFAULT_LEVELS
        # tree-sitter is loaded with the first text that needs it.
        from coco_flow.text.syntax import parse

        return parse(data, found) or DEFAULT_LEVELS
