"""Reuse in a build: what earlier versions of the project were made of is not made again.

An unchanged document is not cut again where the config cuts the same way, and an unchanged chunk is
not embedded again where it embeds the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TypeVar

import psycopg
import structlog

from coco_core.configs import IndexingConfig
from coco_core.types import FloatVector
from coco_server.store import reuse
from coco_server.store.chunks import ChunkRow
from coco_server.store.reuse import CutDocument
from coco_server.store.session import TenantSession
from coco_worker.chunked_item import embedding_texts
from coco_worker.items.item import Item, Outcome

__all__ = ["EarlierWork", "windows"]

log = structlog.get_logger(__name__)

# Items that are looked up together, and the length of their texts, which are held meanwhile.
_WINDOW_ITEMS = 256
_WINDOW_CHARACTERS = 4_194_304

_T = TypeVar("_T")


class EarlierWork:
    """What the project's complete versions have that a build can take."""

    def __init__(
        self,
        open_session: Callable[[], AbstractContextManager[TenantSession]],
        project_id: str,
        config: IndexingConfig,
        *,
        vectors: bool,
    ) -> None:
        """Look which versions there are.

        Args:
            open_session: begins a transaction of the project's org.
            project_id: the project.
            config: what the build is made under.
            vectors: whether vectors are kept in the database; others are not read back.
        """
        self._open_session = open_session
        with open_session() as session:
            found = reuse.earlier_segments(session, project_id, config)
        self._segments = found if vectors else [replace(each, same_vectors=False) for each in found]

    def documents(self, items: Iterable[Outcome]) -> dict[str, CutDocument]:
        """Return the documents among these items that were sent and cut the same way before."""
        hashes = _hashes(items)
        return self._look(lambda session: reuse.cut_documents(session, self._segments, hashes), {})

    def unchanged(self, items: Iterable[Outcome], base: Sequence[int]) -> frozenset[str]:
        """Return the documents that the segments of a merge's base hold as they are sent."""
        hashes = _hashes(items)
        if not base or not hashes:
            return frozenset()
        with self._open_session() as session:
            return reuse.unchanged(session, base, hashes)

    def with_vectors(self, chunks: Sequence[ChunkRow]) -> list[ChunkRow]:
        """Return the chunks with the vectors that earlier versions have of the same texts."""
        doc_ids = {chunk.doc_id for chunk in chunks}
        known: dict[str, FloatVector] = self._look(
            lambda session: reuse.vectors(session, self._segments, sorted(doc_ids)), {}
        )
        if not known:
            return list(chunks)
        texts = embedding_texts(list(chunks))
        return [
            replace(chunk, vector=known.get(text))
            for chunk, text in zip(chunks, texts, strict=True)
        ]

    def _look(self, look: Callable[[TenantSession], _T], nothing: _T) -> _T:
        if not self._segments:
            return nothing
        try:
            with self._open_session() as session:
                return look(session)
        except psycopg.errors.UndefinedTable:
            # Retention removed a version meanwhile: the rest of the build is made anew.
            log.info("earlier_version_removed")
            self._segments = []
            return nothing


def _hashes(items: Iterable[Outcome]) -> dict[str, str]:
    return {
        item.doc_id: item.hashed
        for item in items
        if isinstance(item, Item) and item.hashed is not None
    }


def windows(outcomes: Iterable[Outcome]) -> Iterator[list[Outcome]]:
    """Yield the outcomes in groups that are looked up together."""
    window: list[Outcome] = []
    characters = 0
    for outcome in outcomes:
        window.append(outcome)
        if isinstance(outcome, Item):
            characters += len(outcome.content)
        if len(window) >= _WINDOW_ITEMS or characters >= _WINDOW_CHARACTERS:
            yield window
            window, characters = [], 0
    if window:
        yield window
