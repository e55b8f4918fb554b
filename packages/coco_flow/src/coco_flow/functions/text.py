"""Functions that split a text into chunks."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

from coco_flow.errors import DefinitionError
from coco_flow.functions.chunk_table import chunk_rows, chunk_table_type
from coco_flow.op.definition import executor_class
from coco_flow.op.options import ArgRelationship
from coco_flow.op.spec import FunctionSpec
from coco_flow.text.recursive import RecursiveSplitter
from coco_flow.text.separators import SeparatorSplitter
from coco_flow.types.schema import EnrichedValueType

__all__ = [
    "CustomLanguageSpec",
    "SplitBySeparators",
    "SplitBySeparatorsExecutor",
    "SplitRecursively",
    "SplitRecursivelyExecutor",
]


@dataclasses.dataclass
class CustomLanguageSpec:
    """A language for `SplitRecursively` that is known by its separators.

    Attributes:
        language_name: Its name, compared without regard to case; it wins over a built-in one.
        separators_regex: Regular expressions of the separators, the coarsest first.
        aliases: Other names, such as a file suffix.
    """

    language_name: str
    separators_regex: list[str]
    aliases: list[str] = dataclasses.field(default_factory=list)


class SplitRecursively(FunctionSpec):
    """Splits a text along its syntax or, without a grammar, at paragraphs, sentences and words.

    Attributes:
        custom_languages: Languages besides the built-in ones.
        hard_limit: Cut a word that is larger than a chunk too, between two characters; otherwise
            such a word is a chunk of its own.
    """

    custom_languages: list[CustomLanguageSpec] = dataclasses.field(default_factory=list)
    hard_limit: bool = False


@executor_class(behavior_version=1, arg_relationship=(ArgRelationship.CHUNKS_BASE_TEXT, "text"))
class SplitRecursivelyExecutor:
    """Runs `SplitRecursively`."""

    spec: SplitRecursively
    returns_engine_values = True
    _splitter: RecursiveSplitter

    def analyze(self) -> EnrichedValueType:
        """Compile the separators of custom languages and return the type of the table."""
        self._splitter = RecursiveSplitter(custom_languages=self.spec.custom_languages)
        return chunk_table_type()

    def __call__(
        self,
        text: str,
        chunk_size: int,
        min_chunk_size: int | None = None,
        chunk_overlap: int | None = None,
        language: str | None = None,
    ) -> list[Any]:
        """Return the table of chunks; see `coco_flow.text.RecursiveSplitter.split`."""
        places = self._splitter.positions(
            text,
            chunk_size,
            min_chunk_size=min_chunk_size,
            chunk_overlap=chunk_overlap,
            language=language,
            hard_limit=self.spec.hard_limit,
        )
        return chunk_rows(text, places)


class SplitBySeparators(FunctionSpec):
    """Splits a text at every match of a separator, whatever the size of the chunks.

    Attributes:
        separators_regex: Regular expressions; `^` and `$` match at every line. Without any, the
            whole text is one chunk.
        keep_separator: "LEFT" leaves a separator at the end of the chunk before it, "RIGHT" at the
            start of the chunk after it; "NONE" or None leaves it out.
        include_empty: Keep chunks without text.
        trim: Leave out white space around chunks.
    """

    separators_regex: list[str] = dataclasses.field(default_factory=list)
    keep_separator: Literal["NONE", "LEFT", "RIGHT"] | None = "NONE"
    include_empty: bool = False
    trim: bool = True


@executor_class(behavior_version=1, arg_relationship=(ArgRelationship.CHUNKS_BASE_TEXT, "text"))
class SplitBySeparatorsExecutor:
    """Runs `SplitBySeparators`."""

    spec: SplitBySeparators
    returns_engine_values = True
    _splitter: SeparatorSplitter

    def analyze(self) -> EnrichedValueType:
        """Compile the separators and return the type of the table."""
        self._splitter = SeparatorSplitter(
            self.spec.separators_regex,
            keep_separator=_keep(self.spec.keep_separator),
            include_empty=self.spec.include_empty,
            trim=self.spec.trim,
        )
        return chunk_table_type()

    def __call__(self, text: str) -> list[Any]:
        """Return the table of chunks."""
        return chunk_rows(text, self._splitter.positions(text))


def _keep(option: str | None) -> Literal["left", "right"] | None:
    if option in (None, "NONE"):
        return None
    if option == "LEFT":
        return "left"
    if option == "RIGHT":
        return "right"
    raise DefinitionError(
        f"keep_separator={option!r} is not known.", hint='Give "LEFT", "RIGHT" or "NONE".'
    )
