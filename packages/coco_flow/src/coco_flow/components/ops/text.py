"""Text splitters and language detection: `coco_flow.text` for the component style."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from coco_flow.components.chunk import Chunk
from coco_flow.components.ops.code import CodeSource
from coco_flow.text import recursive, separators
from coco_flow.text.languages import detect_code_language

__all__ = [
    "CustomLanguageConfig",
    "RecursiveSplitter",
    "SeparatorSplitter",
    "detect_code_language",
]


class CustomLanguageConfig:
    """A language of your own: regular expressions of its separators, the coarsest first."""

    def __init__(
        self,
        language_name: str,
        separators_regex: list[str],
        aliases: list[str] | None = None,
    ) -> None:
        self.language_name = language_name
        self.separators_regex: Sequence[str] = separators_regex
        self.aliases: Sequence[str] = aliases or []


class SeparatorSplitter:
    """Splits a text wherever one of several regular expressions matches."""

    def __init__(
        self,
        separators_regex: list[str],
        *,
        keep_separator: Literal["left", "right"] | None = None,
        include_empty: bool = False,
        trim: bool = True,
    ) -> None:
        """Choose the separators.

        Args:
            separators_regex: The regular expressions.
            keep_separator: Whether a separator ends the chunk on its left, begins the one on its
                right, or is left out.
            include_empty: Whether chunks without text count.
            trim: Whether white space around chunks is left out.
        """
        self._splitter = separators.SeparatorSplitter(
            separators_regex,
            keep_separator=keep_separator,
            include_empty=include_empty,
            trim=trim,
        )

    def split(self, text: str) -> list[Chunk]:
        """Return the chunks of a text in order."""
        return self._splitter.split(text)


class RecursiveSplitter:
    """Splits a text into chunks of a size at the strongest boundaries, by its syntax if known."""

    def __init__(self, *, custom_languages: list[CustomLanguageConfig] | None = None) -> None:
        self._splitter = recursive.RecursiveSplitter(custom_languages=custom_languages)

    def split(
        self,
        text: str | CodeSource,
        chunk_size: int,
        *,
        min_chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        language: str | None = None,
    ) -> list[Chunk]:
        """Return the chunks of a text in order.

        Args:
            text: The text; a CodeSource says its language itself.
            chunk_size: Wanted size of a chunk in bytes of UTF-8.
            min_chunk_size: Size below which a chunk is avoided; half of `chunk_size` by default.
            chunk_overlap: How much neighbors may share.
            language: Name, alias or suffix of the language; an unknown one is plain text.
        """
        if isinstance(text, CodeSource):
            if language is not None:
                raise ValueError("language must not be given with a CodeSource; it has its own")
            language = text.language
            text = text.text
        return self._splitter.split(
            text,
            chunk_size,
            min_chunk_size=min_chunk_size,
            chunk_overlap=chunk_overlap,
            language=language,
        )
