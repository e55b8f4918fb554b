"""Rerankers of server mode, built from the settings."""

from __future__ import annotations

from coco_embed.reranking.rerankers import Rerankers
from coco_server.settings import Settings

__all__ = ["REGISTER", "server_rerankers"]

REGISTER = "The operator registers them in the file that COCO_MODELS_FILE names."
"""How there come to be more; tenants may read it."""


def server_rerankers(settings: Settings) -> Rerankers:
    """Return what opens the rerankers of the file of models."""
    return Rerankers(
        settings.embedding.rerankers,
        hint=REGISTER,
        threads=settings.embedding.threads,
    )
