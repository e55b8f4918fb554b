"""Rerankers of local mode, built from the settings."""

from __future__ import annotations

from coco_embed.reranking.rerankers import Rerankers
from coco_local.settings import Settings

__all__ = ["local_rerankers"]


def local_rerankers(settings: Settings, *, at_once: int | None = None) -> Rerankers:
    """Return what opens them.

    Args:
        settings: with the registered rerankers.
        at_once: queries that may be reranked at a time.
    """
    return Rerankers(
        settings.rerankers,
        hint="Add one: coco config add-reranker NAME DIRECTORY-OR-URL, then: coco restart",
        threads=settings.embed_threads,
        at_once=at_once,
    )
