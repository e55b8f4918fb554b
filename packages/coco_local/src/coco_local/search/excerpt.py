"""Excerpts: the lines of a file that answer, as they are on disk now, and their definition."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coco_core.ranking.profiles import is_prose
from coco_core.search.enclosing import missing_heads
from coco_core.search.page import Pick
from coco_core.search.pieces import Lines, Place, QueryTerms, arranged, best_lines
from coco_core.search.places import place_worth
from coco_core.types import ChunkMetadata, Definition
from coco_local.index.project import ProjectIndex
from coco_local.search.definitions import Definitions, FoundPlace, definitions_around

__all__ = ["NO_EXCERPT", "Excerpt", "Excerpts", "Piece"]

# Chunks of one definition that are looked at above and below the one that was found: together some
# hundred and fifty lines, of which only the best are shown.
_MOST_NEIGHBORS = 3

# A hit that may show less than this shows a part of its chunk.
_LEAST_OF_DEFINITION = 80

# Characters of source per token: the low end of what vocabularies of current models take, so that
# an answer keeps to its budget. What is shown of a line in an answer ends somewhere.
_CHARACTERS_PER_TOKEN = 3.2


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole lines of a file; both ends are included."""

    start_line: int
    end_line: int
    text: str


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is shown of a file."""

    pieces: tuple[Piece, ...] = ()
    enclosing: Definition | None = None
    """The definition that the first piece lies in, with its lines as they are now."""


NO_EXCERPT = Excerpt()
"""Of a hit whose lines are not chosen yet."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    place: FoundPlace
    text: dict[int, str]
    lines: list[int]
    """The most telling first."""
    budget: int


class Excerpts:
    """The excerpts of one page; what they need of the index is fetched in one query."""

    def __init__(self, index: ProjectIndex, terms: QueryTerms) -> None:
        """Begin an empty page."""
        self._index = index
        self._terms = terms
        self._chosen: list[_Chosen] = []

    def choose(self, place: FoundPlace, pick: Pick) -> None:
        """Choose the lines that are shown of a hit's file."""
        text: dict[int, str] = {}
        places: list[Place] = []
        found = [pick.ranked, *pick.further]
        best = max(map(place_worth, found))
        prose = is_prose(place.indexed.chunk.language)
        # Of a file that differs from the index only the hit's own lines are known.
        for item, lines in zip(found, self._extents(place, pick), strict=False):
            shown = place.file.text_of_lines(*lines)
            text.update(enumerate(shown, lines.first))
            worth = place_worth(item) / best if best > 0 else 1.0
            places.append(Place(lines.first, shown, worth, prose))
        chosen = best_lines(places, self._terms, pick.token_count, _cost)
        self._chosen.append(_Chosen(place, text, chosen, pick.token_count))

    def finish(self) -> list[Excerpt]:
        """Return the excerpts in the order in which their lines were chosen."""
        wanted = [(each.place, each.lines) for each in self._chosen]
        found = definitions_around(self._index, wanted)
        return [_excerpt(*each) for each in zip(self._chosen, found, strict=True)]

    def _extents(self, place: FoundPlace, pick: Pick) -> list[Lines]:
        """Return the lines of each place, the hit's own first: with the rest of its definition."""
        if place.changed or pick.token_count < _LEAST_OF_DEFINITION:
            return [Lines(place.start_line, place.end_line)]
        first, last = self._extent(pick.ranked.candidate.metadata)
        own = Lines(min(first, place.start_line), max(last, place.end_line))
        return [own, *(self._extent(item.candidate.metadata) for item in pick.further)]

    def _extent(self, chunk: ChunkMetadata) -> Lines:
        """Return the lines of a chunk and of its neighbors that belong to the same definition."""
        memory = self._index.memory
        row, entry = memory.row_of(chunk.key), memory.documents.get(chunk.doc_id)
        first, last = chunk.start_line, chunk.end_line
        if row is None or entry is None or not chunk.symbol:
            return Lines(first, last)
        for step in (-1, 1):
            at = row + step
            while at in entry.rows and abs(at - row) <= _MOST_NEIGHBORS:
                neighbor = memory.metadata[at]
                if neighbor.symbol != chunk.symbol:
                    break
                first, last = min(first, neighbor.start_line), max(last, neighbor.end_line)
                at += step
        return Lines(first, last)


def _excerpt(chosen: _Chosen, definitions: Definitions) -> Excerpt:
    text = chosen.text

    def heads(pieces: Sequence[Lines]) -> Iterable[int]:
        return (line for line in missing_heads(pieces, definitions.around) if line in text)

    lines = arranged(chosen.lines, text, chosen.budget, _cost, heads)
    pieces = tuple(
        Piece(first, last, "\n".join(text[number] for number in range(first, last + 1)))
        for first, last in lines
    )
    enclosing = definitions.around(pieces[0].start_line) if pieces else None
    return Excerpt(pieces, enclosing)


def _cost(text: str) -> int:
    return int(len(text) / _CHARACTERS_PER_TOKEN) + 1
