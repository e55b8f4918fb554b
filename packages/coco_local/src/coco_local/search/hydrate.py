"""Liveness: a hit is read from disk now; its lines are corrected, or it is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coco_core.liveness import locate
from coco_core.ranking import Ranked
from coco_core.types import text_hash
from coco_local.index.project import ProjectIndex
from coco_local.source.reader import SourceFile, SourceReader
from coco_local.store.documents import ChunkPlace

__all__ = ["Hydrator", "LiveHit"]


@dataclass(frozen=True, slots=True)
class LiveHit:
    """A hit whose text and lines are true at this moment."""

    ranked: Ranked
    place: ChunkPlace
    start_line: int
    end_line: int
    content: str
    moved: bool


class Hydrator:
    """Reads and verifies the hits of one answer; each file is read at most once."""

    def __init__(self, index: ProjectIndex, reader: SourceReader) -> None:
        self._index = index
        self._reader = reader
        self._files: dict[str, SourceFile | None] = {}
        self._places: dict[int, ChunkPlace] = {}
        self._asked: set[int] = set()
        self.corrected = 0
        self.dropped = 0
        self.stale: set[str] = set()
        """Documents that differ from the index and must be indexed again."""

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        """Fetch the places of hits that will be hydrated, in one query."""
        keys = [item.candidate.facts.key for item in ranked]
        self._asked.update(keys)
        self._places.update(self._index.store.places(keys))

    def has_place(self, ranked: Ranked) -> bool:
        """Whether the hit's place was fetched."""
        return ranked.candidate.facts.key in self._asked

    def hydrate(self, ranked: Ranked) -> LiveHit | None:
        """Return the hit as it is on disk now; None when its text is gone."""
        facts = ranked.candidate.facts
        place = self._places.get(facts.key)
        file = self._open(facts.doc_id) if place is not None else None
        if place is None or file is None:
            # Replaced or removed while the query ran.
            self._drop(facts.doc_id)
            return None
        text = file.text_at(place)
        if text is not None and text_hash(text) == place.content_hash:
            if not self._same_lines(file, place):
                return self._relocate(ranked, place, file)
            return LiveHit(ranked, place, place.start_line, place.end_line, text, moved=False)
        return self._relocate(ranked, place, file)

    def _same_lines(self, file: SourceFile, place: ChunkPlace) -> bool:
        """Equal bytes at the same offset can stand on other lines only if earlier text changed."""
        entry = self._index.memory.documents.get(file.doc_id)
        document = entry.document if entry is not None else None
        if document is not None and (document.size, document.mtime_ns) == (
            file.size,
            file.mtime_ns,
        ):
            return True
        return file.data.count(b"\n", 0, place.start_byte) == place.start_line - 1

    def _relocate(self, ranked: Ranked, place: ChunkPlace, file: SourceFile) -> LiveHit | None:
        self.stale.add(file.doc_id)
        found = locate(file.lines, place.start_line, place.end_line, place.fingerprint)
        if found is None:
            self._drop(file.doc_id)
            return None
        self.corrected += 1
        content = "".join(file.lines[found.start_line - 1 : found.end_line])
        return LiveHit(ranked, place, found.start_line, found.end_line, content, moved=True)

    def widened(self, hit: LiveHit, start_line: int, end_line: int) -> LiveHit:
        """Return a hit that shows more lines, for the chunks that were joined with it."""
        if (hit.start_line, hit.end_line) == (start_line, end_line):
            return hit
        file = self._open(hit.ranked.candidate.facts.doc_id)
        lines = file.lines[start_line - 1 : end_line] if file is not None else []
        return replace(hit, start_line=start_line, end_line=end_line, content="".join(lines))

    def _drop(self, doc_id: str) -> None:
        self.dropped += 1
        self.stale.add(doc_id)

    def _open(self, doc_id: str) -> SourceFile | None:
        if doc_id not in self._files:
            entry = self._index.memory.documents.get(doc_id)
            encoding = entry.document.encoding if entry is not None else ""
            self._files[doc_id] = self._reader.open(doc_id, encoding)
        return self._files[doc_id]
