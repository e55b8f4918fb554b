"""Line table: a text's lines, their lengths in the config's unit, and the size limits."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import TypeAlias

from coco_core.chunking.token_counter import TokenCounter
from coco_core.configs import ChunkingConfig
from coco_core.decoding import LineIndex, SourceText
from coco_core.ports import Tokenizer

__all__ = ["CharRange", "LineTable", "measure_lines"]

CharRange: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class LineTable:
    """What every splitter needs; lines are 0-based, ranges half-open."""

    source: SourceText
    lines: LineIndex
    counter: TokenCounter
    tokens: list[int]
    """Number of tokens before each line; one more at the end."""
    marks: list[int]
    """Length of the text before each line, in the config's unit; one more at the end."""
    size: int
    overlap: int

    @property
    def text(self) -> str:
        """The decoded text."""
        return self.source.text

    def length(self, first: int, last: int) -> int:
        """Return the length of lines ``first`` to ``last`` (exclusive)."""
        return self.marks[last] - self.marks[first]

    def measure(self, start: int, end: int) -> int:
        """Return the length of a range of characters; ranges of whole lines are looked up."""
        chars = self.lines.chars
        first = bisect_left(chars, start)
        last = bisect_left(chars, end, first)
        if chars[first] == start and chars[last] == end:
            return self.marks[last] - self.marks[first]
        return self.counter.length(start, end)

    def line(self, number: int) -> str:
        """Return one line with its line end."""
        return self.source.text[self.lines.chars[number] : self.lines.chars[number + 1]]


def measure_lines(
    source: SourceText, config: ChunkingConfig, tokenizer: Tokenizer | None
) -> LineTable:
    """Measure a text once for all that follows."""
    lines = source.lines()
    counter = TokenCounter(source.text, config.unit, tokenizer)
    tokens = counter.line_tokens(lines.chars)
    marks = tokens if counter.in_tokens else lines.chars
    return LineTable(source, lines, counter, tokens, marks, config.chunk_size, config.chunk_overlap)
