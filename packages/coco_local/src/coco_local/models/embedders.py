"""Embedder resolver of local mode, built from the settings."""

from __future__ import annotations

from collections.abc import Callable

from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_local.settings import Settings

__all__ = ["local_embedders"]


def local_embedders(settings: Settings, before_work: Callable[[], None] | None = None) -> Embedders:
    """Return what opens them.

    Args:
        settings: with the registered models.
        before_work: called before each piece of work on documents; it may block, so that queries
            come first.
    """
    return Embedders(
        EmbeddingSettings(
            models=settings.home.models,
            threads=settings.embed_threads,
            offline=settings.offline,
            # The daemon fetches its model by itself and shows how far it is.
            fetch=False,
            # A model that no index needs any more gives its memory back.
            keep=False,
            custom_models=settings.models,
            registry=f"{settings.home.config} as [models.NAME]",
            before_work=before_work,
        )
    )
