"""A view of a source: some of its text, the rest left out, with the way back to the source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from coco_flow.components.chunk import TextPosition

__all__ = ["SourceView", "ViewSegment"]


@dataclass(frozen=True, slots=True)
class ViewSegment:
    """A stretch of a view's text and the range of the source that it shows.

    Attributes:
        start: Start of the range in the source.
        end: End of the range in the source.
        kind: "frame" for lines of enclosing scopes, "content" for what the view is about.
        summary: What the view shows instead of the source's text, or None if it shows that.
        rendered_start: Character of the view's text at which the stretch starts.
        rendered_end: Character of the view's text at which it ends.
    """

    start: TextPosition
    end: TextPosition
    kind: Literal["frame", "content"]
    summary: str | None
    rendered_start: int
    rendered_end: int


@dataclass(frozen=True, slots=True)
class SourceView:
    """A text made of stretches of a source, which partition it."""

    text: str
    segments: list[ViewSegment]

    def _content(self) -> list[ViewSegment]:
        return [each for each in self.segments if each.kind == "content"] or self.segments

    @property
    def start(self) -> TextPosition:
        """Where the content starts in the source, without frames."""
        return self._content()[0].start

    @property
    def end(self) -> TextPosition:
        """Where the content ends in the source, without frames."""
        return self._content()[-1].end
