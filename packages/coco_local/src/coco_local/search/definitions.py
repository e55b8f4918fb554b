"""The definitions around lines of a page's files, as they stand on disk now."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from coco_core.chunking import chunk_document
from coco_core.search.enclosing import HEAD_LINES, outer_paths, stands_at
from coco_core.types import Definition
from coco_local.index.project import ProjectIndex
from coco_local.source.reader import SourceFile
from coco_local.store.documents import IndexedChunk

__all__ = ["FoundPlace", "standing_definitions"]

# A file that differs from the index is parsed for the definitions around what is shown of it, as
# long as that takes milliseconds; it is indexed again in a moment anyway.
_LARGEST_PARSED = 200_000


@dataclass(frozen=True, slots=True)
class FoundPlace:
    """Where a hit's chunk stands now."""

    file: SourceFile
    indexed: IndexedChunk
    start_line: int
    end_line: int
    changed: bool
    """Whether the file differs from what is indexed."""


def standing_definitions(
    index: ProjectIndex, wanted: Sequence[tuple[FoundPlace, Sequence[int]]]
) -> list[list[Definition]]:
    """Return for each place the definitions that may reach over lines of its file.

    What the index knows comes with one query. A definition whose head does not stand where the
    record says is left out: size and time of a file may be those of its indexed version although
    its content is not.
    """
    keys = [set() if place.changed else _defining(index, place, lines) for place, lines in wanted]
    known = {place.indexed.key: place.indexed for place, _ in wanted}
    missing = set().union(*keys) - known.keys()
    if missing:
        known |= index.store.chunks(missing)
    return [
        _parsed_now(index, place)
        if place.changed
        else _standing(place.file, [known[key] for key in own if key in known])
        for (place, _), own in zip(wanted, keys, strict=True)
    ]


def _defining(index: ProjectIndex, place: FoundPlace, lines: Sequence[int]) -> set[int]:
    """Return the keys of the chunks that begin what may reach over lines of a document."""
    memory = index.memory
    entry = memory.documents.get(place.file.doc_id)
    pending = sorted(lines)
    names: set[str] = set()
    keys: set[int] = set()
    for row in reversed(entry.rows if entry is not None else ()):
        if not (pending or names):
            break
        chunk = memory.metadata[row]
        while pending and pending[-1] >= chunk.start_line:
            pending.pop()
            for path in (chunk.symbol, *chunk.definitions):
                names |= outer_paths(path)
            if chunk.key == place.indexed.key and place.indexed.chunk.fragment:
                # A section has no symbol; its heading may stand in an earlier chunk.
                names.add(place.indexed.chunk.fragment)
        begun = names.intersection(chunk.definitions)
        if begun:
            names -= begun
            keys.add(chunk.key)
    return keys


def _standing(file: SourceFile, chunks: Iterable[IndexedChunk]) -> list[Definition]:
    found = [definition for each in chunks for definition in each.chunk.definitions]
    if not found:
        return []
    lines = file.text_of_lines(1, max(each.line for each in found) + HEAD_LINES)
    return [each for each in found if stands_at(each, lines)]


def _parsed_now(index: ProjectIndex, place: FoundPlace) -> list[Definition]:
    if place.file.size > _LARGEST_PARSED:
        return []
    file = place.file
    chunked = chunk_document(file.doc_id, file.data, index.config.chunking)
    return [definition for chunk in chunked.chunks for definition in chunk.definitions]
