"""Which answers were expected: the hits of a question become gains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from coco_core.experiments.spec import Expected
from coco_core.types import DocumentKey

__all__ = ["Judgement", "Retrieved", "judge"]


class Retrieved(Protocol):
    """What an anchor can be compared with in a hit; a hit of the server has no lines."""

    @property
    def doc_id(self) -> DocumentKey:
        """The document it is of."""
        ...

    @property
    def start_line(self) -> int | None:
        """1-based."""
        ...

    @property
    def end_line(self) -> int | None:
        """1-based, inclusive."""
        ...

    @property
    def symbol(self) -> str:
        """Dotted path of the main or enclosing definition."""
        ...

    @property
    def fragment(self) -> str:
        """Heading slug or symbol path."""
        ...

    @property
    def heading_trail(self) -> tuple[str, ...]:
        """Headings above, outermost first."""
        ...

    @property
    def definitions(self) -> tuple[str, ...]:
        """Dotted paths of what begins inside."""
        ...


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the hits of one question are worth, in their order."""

    gains: tuple[float, ...]
    """By hit: the best grade among the anchors that it is the first to match, 0 if none."""
    found: tuple[int, ...]
    """By hit: how many anchors it is the first to match."""
    ideal: tuple[float, ...]
    """The grades of everything expected, best first."""


def judge(expected: Sequence[Expected], hits: Sequence[Retrieved]) -> Judgement:
    """Credit each anchor to the first hit that matches it; a hit that only repeats gains nothing.

    Raises:
        InvalidConfig: an anchor names lines, and a hit of its document has none.
    """
    raise NotImplementedError
