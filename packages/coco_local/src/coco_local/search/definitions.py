"""The definitions around lines of a page's files, as they stand on disk now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coco_core.chunking import chunk_document
from coco_core.search.enclosing import head_lines, innermost, outer_paths, stands_at
from coco_core.types import Chunk, Definition
from coco_local.index.project import ProjectIndex
from coco_local.source.reader import SourceFile
from coco_local.store.documents import IndexedChunk

__all__ = ["Definitions", "FoundPlace", "definitions_around"]

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


class Definitions:
    """The definitions of a file that may reach over the lines that are shown of it."""

    def __init__(self, file: SourceFile, known: Sequence[Definition]) -> None:
        """Take what is known; whether it still stands is looked up when it is asked for."""
        self._file = file
        self._known = known
        self._stands: dict[Definition, bool] = {}

    def around(self, line: int) -> Definition | None:
        """Return the innermost definition that a line lies in.

        None where its head does not stand where the record says: size and time of a file may be
        those of its indexed version although its content is not.
        """
        found = innermost(line, self._known)
        if found is None:
            return None
        stands = self._stands.get(found)
        if stands is None:
            first, last = head_lines(found)
            lines = self._file.text_of_lines(first, last)
            stands = self._stands[found] = stands_at(found, lines, first)
        return found if stands else None


def definitions_around(
    index: ProjectIndex, wanted: Sequence[tuple[FoundPlace, Sequence[int]]]
) -> list[Definitions]:
    """Return for each place the definitions around lines of its file, with one query for all."""
    keys = [set() if place.changed else _defining(index, place, lines) for place, lines in wanted]
    known = {place.indexed.key: place.indexed for place, _ in wanted}
    missing = set().union(*keys) - known.keys()
    if missing:
        known |= index.store.chunks(missing)
    found: list[Definitions] = []
    for (place, _), own in zip(wanted, keys, strict=True):
        chunks = [known[key].chunk for key in own if key in known]
        if place.changed:
            chunks = _parsed_now(index, place.file)
        definitions = [definition for chunk in chunks for definition in chunk.definitions]
        found.append(Definitions(place.file, definitions))
    return found


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
        here = False
        while pending and pending[-1] >= chunk.start_line:
            pending.pop()
            here = True
        if here:
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


def _parsed_now(index: ProjectIndex, file: SourceFile) -> list[Chunk]:
    if file.size > _LARGEST_PARSED:
        return []
    return list(chunk_document(file.doc_id, file.data, index.config.chunking).chunks)
