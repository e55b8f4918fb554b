"""Embedding panel: queue length, pace, and time left."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from coco_local.tui.drawing import bar, spread
from coco_local.tui.figures import count, duration, percent, tail
from coco_local.tui.panels.panel import Panel

__all__ = ["Embedding", "EmbeddingState"]

# Cells of " 100 %" beside the bar.
_PERCENT = 6
# Columns from which the words are spelled out.
_ROOMY = 34


@dataclass(frozen=True, slots=True)
class EmbeddingState:
    """Chunks with and without a vector over all projects, and the pace."""

    embedded: int
    chunks: int
    waiting_chunks: int
    waiting_files: int
    rate: float
    eta_seconds: float | None
    current: str = ""


class Embedding(Panel[EmbeddingState]):
    """Progress over all projects; calm words when nothing waits."""

    TITLE = "Embedding"

    def draw(self, state: EmbeddingState, width: int, _: int, /) -> list[Content]:
        """Bar, what waits, pace."""
        if not state.chunks and not state.waiting_chunks:
            return [Content.styled("Nothing to embed yet", "$muted")]
        share = state.embedded / state.chunks if state.chunks else 0.0
        busy = state.waiting_chunks > 0
        value = Content.styled(percent(share).rjust(_PERCENT), "$strong")
        lines = [bar(share, width - _PERCENT, "$accent" if busy else "$success") + value]
        roomy = width >= _ROOMY
        if not busy:
            lines.append(_amount(state, roomy))
            if state.waiting_files:
                words = f"{count(state.waiting_files)} files to read"
                lines.append(Content.styled(words, "$muted"))
            return lines
        waits = Content.assemble((count(state.waiting_chunks), "$strong"), (" wait", "$muted"))
        pace = Content.assemble((f"{state.rate:,.0f}", "$strong"), ("/s", "$muted"))
        eta = Content.styled(_eta_words(state.eta_seconds), "$muted")
        if roomy:
            both = Content.assemble(waits, ("  ·  ", "$muted"), pace)
            lines.append(spread(width, both, eta))
            lines.append(Content.styled(tail(state.current, width), "$muted"))
        else:
            lines.append(spread(width, waits, pace))
            lines.append(spread(width, eta))
        return lines


def _amount(state: EmbeddingState, roomy: bool) -> Content:
    """How many chunks have a vector, and of how many when some have none."""
    of = f" of {count(state.chunks)}" if state.embedded < state.chunks else ""
    words = " chunks have a vector" if roomy else ("" if of else " embedded")
    return Content.assemble((count(state.embedded), "$strong"), (of + words, "$muted"))


def _eta_words(seconds: float | None) -> str:
    return "" if seconds is None else f"{duration(seconds)} left"
