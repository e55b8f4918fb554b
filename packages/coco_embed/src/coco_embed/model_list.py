"""Model list: the models that a config can name, and whether each can embed now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from coco_core.errors import CocoError, ModelMissing, Unavailable
from coco_embed.models import ModelKind
from coco_embed.resolver import Embedders
from coco_embed.settings import EmbeddingSettings

__all__ = ["ModelListEntry", "ModelReadiness", "list_models"]

ModelReadiness: TypeAlias = Literal["ready", "missing", "unreachable", "unusable"]

# Every model has a window of so many tokens.
_SMALL_WINDOW = 8
# Somebody waits for the answer.
_SECONDS = 5.0
_TEXT = "how is the service started?"


@dataclass(frozen=True, slots=True)
class ModelListEntry:
    """One model."""

    name: str
    kind: ModelKind
    state: ModelReadiness
    dimension: int | None
    """None where neither the registration nor the model says it."""
    max_tokens: int | None
    """The longest window in tokens; None where the directory does not say."""
    place: str
    """The directory or the URL; empty for what is built in."""
    origin: str
    """``FILE:LINE`` of the registration; empty for what is built in."""
    detail: str = ""
    """Why it is not ready."""
    hint: str = ""
    """What to do about it."""


def list_models(
    settings: EmbeddingSettings, *, custom_only: bool = False
) -> Iterator[ModelListEntry]:
    """Yield the built-in models, then the registered ones; each embeds a text to show that it can.

    Nothing is fetched. What COCO_EMBED_URL's server has is not listed: only it knows.
    """
    embedders = Embedders(replace(settings, fetch=False, before_work=None))
    try:
        for name in sorted(settings.custom_models) if custom_only else embedders.names:
            yield _look_at(embedders, name)
    finally:
        embedders.close()


def _look_at(embedders: Embedders, name: str) -> ModelListEntry:
    model = embedders.model(name)
    registered = embedders.settings.custom_models.get(name)
    entry = ModelListEntry(
        name=name,
        kind=model.kind,
        state="ready",
        dimension=model.known_dimension,
        max_tokens=None,
        place=model.place,
        origin=registered.origin if registered else "",
    )
    try:
        entry = replace(entry, max_tokens=model.max_tokens)
        embedder = model.open(_SMALL_WINDOW, budget=None, timeout=_SECONDS)
        try:
            return replace(entry, dimension=len(embedder.embed_query(_TEXT)))
        finally:
            embedder.close()
    except CocoError as error:
        return replace(
            entry, state=_state(error, model.kind), detail=error.message, hint=error.hint or ""
        )


def _state(error: CocoError, kind: ModelKind) -> ModelReadiness:
    if isinstance(error, ModelMissing):
        return "missing"
    return "unreachable" if kind == "http" and isinstance(error, Unavailable) else "unusable"
