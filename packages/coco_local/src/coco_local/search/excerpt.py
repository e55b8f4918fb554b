"""Excerpts: the lines of a file that answer, as they are on disk now, and their definition."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coco_core.chunking import chunk_document
from coco_core.ranking.profiles import is_prose
from coco_core.search.enclosing import HEAD_LINES, innermost, outer_paths, stands_at
from coco_core.search.page import Pick
from coco_core.search.pieces import Lines, Place, QueryTerms, choose_lines
from coco_core.types import Chunk, ChunkMetadata, Definition
from coco_local.index.project import ProjectIndex
from coco_local.source.reader import SourceFile
from coco_local.store.documents import IndexedChunk

__all__ = ["NO_EXCERPT", "Excerpt", "Excerpts", "FoundPlace", "Piece"]

# Chunks of one definition that are looked at above and below the one that was found: together some
# hundred lines, of which only the best are shown.
_MOST_NEIGHBORS = 3

# A file that differs from the index is parsed for the definition that a hit begins in, as long as
# that takes milliseconds; it is indexed again in a moment anyway.
_LARGEST_PARSED = 200_000

# Characters of source per token: the low end of what vocabularies of current models take, so that
# an answer keeps to its budget.
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
class FoundPlace:
    """Where a hit's chunk stands now."""

    indexed: IndexedChunk
    start_line: int
    end_line: int
    changed: bool
    """Whether the file differs from what is indexed."""


@dataclass(frozen=True, slots=True)
class _Chosen:
    place: FoundPlace
    file: SourceFile
    pieces: tuple[Piece, ...]

    @property
    def line(self) -> int:
        """The first that is shown."""
        return self.pieces[0].start_line


class Excerpts:
    """The excerpts of one page; what they need of the index is fetched in one query."""

    def __init__(self, index: ProjectIndex, terms: QueryTerms) -> None:
        """Begin an empty page."""
        self._index = index
        self._terms = terms
        self._chosen: list[_Chosen] = []
        self._left_over = 0

    def choose(self, file: SourceFile, place: FoundPlace, pick: Pick) -> None:
        """Choose the lines that are shown of a hit's file.

        What earlier hits left of their shares is this one's, too.
        """
        text: dict[int, str] = {}
        places: list[Place] = []
        found = [pick.ranked, *pick.further]
        best = max(item.own for item in found)
        prose = is_prose(place.indexed.chunk.language)
        heads = frozenset() if place.changed else _heads(place.indexed.chunk)
        for item, lines in zip(found, self._extents(place, pick), strict=False):
            shown = file.text_of_lines(*lines)
            text.update(enumerate(shown, lines.first))
            worth = item.own / best if best > 0 else 1.0
            places.append(Place(lines.first, shown, worth, heads, prose))
        budget = pick.token_count + self._left_over
        ranges = choose_lines(places, self._terms, budget, _cost)
        pieces = tuple(_piece(lines, text) for lines in ranges)
        self._left_over = max(0, budget - sum(_cost(piece.text) for piece in pieces))
        self._chosen.append(_Chosen(place, file, pieces))

    def finish(self) -> list[Excerpt]:
        """Return the excerpts in the order in which their lines were chosen."""
        defining = [
            [] if chosen.place.changed else self._defining(chosen.file.doc_id, chosen.line)
            for chosen in self._chosen
        ]
        known = {chosen.place.indexed.key: chosen.place.indexed for chosen in self._chosen}
        missing = {key for keys in defining for key in keys} - known.keys()
        if missing:
            known |= self._index.store.chunks(missing)
        return [
            Excerpt(
                chosen.pieces,
                self._parsed_now(chosen)
                if chosen.place.changed
                else _standing(chosen, [known[key].chunk for key in keys if key in known]),
            )
            for chosen, keys in zip(self._chosen, defining, strict=True)
        ]

    # --- which lines are looked at -------------------------------------------------------------

    def _extents(self, place: FoundPlace, pick: Pick) -> list[Lines]:
        """Return the lines of each place, the hit's own first: with the rest of its definition."""
        if place.changed:
            # Where the other chunks stand now is not known.
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

    # --- in which definition they begin --------------------------------------------------------

    def _defining(self, doc_id: str, line: int) -> list[int]:
        """Return the keys of the chunks that begin what may reach over a line of a document."""
        memory = self._index.memory
        entry = memory.documents.get(doc_id)
        wanted: set[str] = set()
        keys: list[int] = []
        for row in reversed(entry.rows if entry is not None else ()):
            chunk = memory.metadata[row]
            if chunk.start_line > line:
                continue
            here = chunk.end_line >= line
            if here:
                for path in (chunk.symbol, *chunk.definitions):
                    wanted |= outer_paths(path)
            begun = wanted.intersection(chunk.definitions)
            wanted -= begun
            if begun:
                keys.append(chunk.key)
            if not (wanted or here):
                break
        return keys

    def _parsed_now(self, chosen: _Chosen) -> Definition | None:
        """Look into a file that is not indexed as it is now."""
        if chosen.file.size > _LARGEST_PARSED:
            return None
        config = self._index.config.chunking
        chunked = chunk_document(chosen.file.doc_id, chosen.file.data, config)
        return innermost(chosen.line, _definitions(chunked.chunks))


def _standing(chosen: _Chosen, chunks: Iterable[Chunk]) -> Definition | None:
    """Return the innermost definition around the first line, if it stands where it was."""
    found = innermost(chosen.line, _definitions(chunks))
    if found is None:
        return None
    # Size and time of a file may be those of its indexed version although its content is not.
    lines = chosen.file.text_of_lines(1, found.line + HEAD_LINES)
    return found if stands_at(found, lines) else None


def _definitions(chunks: Iterable[Chunk]) -> Iterable[Definition]:
    return (definition for chunk in chunks for definition in chunk.definitions)


def _heads(chunk: Chunk) -> frozenset[int]:
    return frozenset(definition.line for definition in chunk.definitions)


def _piece(lines: Lines, text: dict[int, str]) -> Piece:
    shown = "\n".join(text[number] for number in range(lines.first, lines.last + 1))
    return Piece(lines.first, lines.last, shown)


def _cost(text: str) -> int:
    return int(len(text) / _CHARACTERS_PER_TOKEN) + 1
