"""Hits of one version: what the store kept of the chunks that made the page."""

from __future__ import annotations

from collections.abc import Sequence

from coco_core.header import embedding_text
from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.search.pieces import QueryTerms
from coco_core.types import Candidate
from coco_protocol.docs import HitScores
from coco_protocol.server.docs import ChunkBody, Hit
from coco_protocol.serving.hits import chunk_fields, scores_of
from coco_server.store import chunks
from coco_server.store.chunks import ChunkContent
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["StoredHits"]


class StoredHits:
    """Hydrates one search on one version, in the session's transaction."""

    def __init__(self, session: TenantSession, version: Version, *, explain: bool) -> None:
        self._session = session
        self._version = version
        self._explain = explain
        self._contents: dict[int, ChunkContent] = {}

    def texts(self, candidates: Sequence[Candidate]) -> list[str]:
        """Read the texts of some chunks in one statement."""
        found = chunks.texts(
            self._session, self._version, [each.metadata.key for each in candidates]
        )
        return [found.get(each.metadata.key, "") for each in candidates]

    def prefetch(self, ranked: Sequence[Ranked]) -> None:
        """Do nothing: no chunk of a complete version vanishes."""

    def locate(self, ranked: Ranked) -> tuple[int, int]:
        """Return a line of the chunk's own.

        Hits are shown as they were stored, without lines: none may vanish in another, as it would
        where all chunks of a document came with the same lines.
        """
        own = ranked.candidate.metadata.key
        return own, own

    def read(self, picks: Sequence[Pick]) -> list[str]:
        """Read the contents of chunks, and return them headed as for embedding."""
        return [embedding_text(stored.doc_id, stored.chunk) for stored in self._stored(picks)]

    def hydrate(self, picks: Sequence[Pick], terms: QueryTerms) -> list[Hit]:
        """Read the contents of the page's chunks in one statement, unless they are there.

        They are shown whole: without their documents there are no lines to choose from.
        """
        del terms
        return [
            self._hit(pick.ranked, stored)
            for pick, stored in zip(picks, self._stored(picks), strict=True)
        ]

    def _stored(self, picks: Sequence[Pick]) -> list[ChunkContent]:
        keys = [pick.ranked.candidate.metadata.key for pick in picks]
        missing = [key for key in keys if key not in self._contents]
        if missing:
            self._contents.update(chunks.contents(self._session, self._version, missing))
        return [self._contents[key] for key in keys]

    def _hit(self, ranked: Ranked, stored: ChunkContent) -> Hit:
        return Hit(
            meta=HitScores(
                **scores_of(ranked, explain=self._explain),
                quality=stored.quality,
                verified=stored.verified,
            ),
            chunk=ChunkBody(
                chunk_id=stored.chunk_id,
                doc_id=stored.doc_id,
                source_ref=stored.source_ref,
                title=stored.title,
                ordinal=stored.ordinal,
                tags=stored.tags,
                content=stored.chunk.text,
                **chunk_fields(stored.chunk),
            ),
        )
