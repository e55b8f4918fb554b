"""Hits as they are on disk now: lines are corrected, and what is gone is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from coco_core.header import embedding_text
from coco_core.ranking import Ranked
from coco_core.relocation import relocate
from coco_core.search.page import Pick
from coco_core.search.pieces import QueryTerms
from coco_core.types import Candidate, Span
from coco_local.index.project import ProjectIndex
from coco_local.search.definitions import FoundPlace
from coco_local.search.excerpt import NO_EXCERPT, Excerpt, Excerpts
from coco_local.source.reader import SourceFile, SourceReader
from coco_local.store.documents import IndexedChunk

__all__ = ["DiskHydrator", "VerifiedHit"]


@dataclass(frozen=True, slots=True)
class VerifiedHit:
    """A hit whose text and lines are true at this moment."""

    ranked: Ranked
    indexed: IndexedChunk
    start_line: int
    end_line: int
    content: str
    relocated: bool
    excerpt: Excerpt = NO_EXCERPT
    """The lines that answer, and the definition in which they begin."""


class DiskHydrator:
    """Reads and verifies the hits of one answer; each file is read at most once."""

    def __init__(self, index: ProjectIndex, reader: SourceReader) -> None:
        self._index = index
        self._reader = reader
        self._files: dict[str, SourceFile | None] = {}
        self._chunks: dict[int, IndexedChunk] = {}
        self._verified: dict[int, VerifiedHit] = {}
        self.relocated = 0
        self.stale_dropped = 0
        self.stale: set[str] = set()
        """Documents that differ from the index and must be indexed again."""

    def texts(self, candidates: Sequence[Candidate]) -> list[str]:
        """Return what stands on the lines of candidates now; nothing is checked against the index.

        Where a file has changed these may be other lines: for evidence that is near enough.
        """
        found: list[str] = []
        for each in candidates:
            metadata = each.metadata
            file = self._open(metadata.doc_id)
            found.append(file.text_between(metadata.start_line, metadata.end_line) if file else "")
        return found

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        """Fetch what the index keeps of hits that will be verified, in one query."""
        keys = [item.candidate.metadata.key for item in ranked]
        self._chunks.update(self._index.store.chunks(keys))

    def locate(self, ranked: Ranked) -> tuple[int, int] | None:
        """Return the lines where a hit stands now; None when its text is gone."""
        hit = self.verify(ranked)
        if hit is None:
            return None
        self._verified[ranked.candidate.metadata.key] = hit
        return hit.start_line, hit.end_line

    def read(self, picks: Sequence[Pick]) -> list[str]:
        """Return what a reranker reads: the lines as they are on disk, headed as for embedding."""
        return [
            embedding_text(pick.doc_id, replace(hit.indexed.chunk, text=hit.content))
            for pick, hit in ((pick, self._widened(pick)) for pick in picks)
        ]

    def hydrate(self, picks: Sequence[Pick], terms: QueryTerms) -> list[VerifiedHit]:
        """Return the hits of the page, each with the lines of those that were joined with it."""
        excerpts = Excerpts(self._index, terms)
        hits: list[VerifiedHit] = []
        for pick in picks:
            hit = self._widened(pick)
            file = self._open(pick.doc_id)
            # It was read when the hit was located.
            assert file is not None
            changed = pick.doc_id in self.stale
            place = FoundPlace(file, hit.indexed, hit.start_line, hit.end_line, changed)
            excerpts.choose(place, pick)
            hits.append(hit)
        found = excerpts.finish()
        return [replace(hit, excerpt=excerpt) for hit, excerpt in zip(hits, found, strict=True)]

    def verify(self, ranked: Ranked) -> VerifiedHit | None:
        """Return the hit as it is on disk now; None when its text is gone."""
        metadata = ranked.candidate.metadata
        indexed = self._chunks.get(metadata.key)
        file = self._open(metadata.doc_id) if indexed is not None else None
        if indexed is None or file is None:
            # Replaced or removed while the query ran.
            self._drop(metadata.doc_id)
            return None
        text = file.text_of(indexed.chunk)
        if text is None or not self._same_lines(file, indexed.chunk.span):
            return self._relocate(ranked, indexed, file)
        span = indexed.chunk.span
        return VerifiedHit(ranked, indexed, span.start_line, span.end_line, text, relocated=False)

    def _same_lines(self, file: SourceFile, span: Span) -> bool:
        """Equal bytes at the same offset can stand on other lines only if earlier text changed."""
        entry = self._index.memory.documents.get(file.doc_id)
        document = entry.document if entry is not None else None
        if document is not None and (document.size, document.mtime_ns) == (
            file.size,
            file.mtime_ns,
        ):
            return True
        return file.data.count(b"\n", 0, span.start_byte) == span.start_line - 1

    def _relocate(
        self, ranked: Ranked, indexed: IndexedChunk, file: SourceFile
    ) -> VerifiedHit | None:
        self.stale.add(file.doc_id)
        span = indexed.chunk.span
        found = relocate(file.lines, span.start_line, span.end_line, indexed.fingerprint)
        if found is None:
            self._drop(file.doc_id)
            return None
        self.relocated += 1
        content = "".join(file.lines[found.start_line - 1 : found.end_line])
        return VerifiedHit(
            ranked, indexed, found.start_line, found.end_line, content, relocated=True
        )

    def _widened(self, pick: Pick) -> VerifiedHit:
        located = self._verified[pick.ranked.candidate.metadata.key]
        # Its score may be another by now.
        hit = replace(located, ranked=pick.ranked)
        start_line, end_line = pick.start_line, pick.end_line
        if (hit.start_line, hit.end_line) == (start_line, end_line):
            return hit
        file = self._open(pick.doc_id)
        lines = file.lines[start_line - 1 : end_line] if file is not None else []
        return replace(hit, start_line=start_line, end_line=end_line, content="".join(lines))

    def _drop(self, doc_id: str) -> None:
        self.stale_dropped += 1
        self.stale.add(doc_id)

    def _open(self, doc_id: str) -> SourceFile | None:
        if doc_id not in self._files:
            entry = self._index.memory.documents.get(doc_id)
            encoding = entry.document.encoding if entry is not None else ""
            self._files[doc_id] = self._reader.open(doc_id, encoding)
        return self._files[doc_id]
