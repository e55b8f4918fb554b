"""Checks of the embedding model and of the ways to get it."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

from coco_core.errors import Unreadable
from coco_embed.store import ModelStore
from coco_local.doctor.check_result import Finding
from coco_local.doctor.context import Situation
from coco_local.models.embedders import local_embedders

__all__ = ["check_index_tool", "check_model", "check_registered_models"]


def check_model(situation: Situation) -> Iterator[Finding]:
    """Compare every checksum: a damaged model answers wrongly without saying so."""
    store = ModelStore(situation.settings.home.models)
    model = store.find(situation.settings.model_name)
    if model is None:
        yield Finding.warn(
            "model",
            f"{situation.settings.model_name} is not installed: "
            "keywords and the built-in vectors answer.",
            "Fetch it: coco setup (without a network: coco setup --model-path FILE)",
        )
        return
    try:
        store.verify(model)
    except Unreadable as error:
        yield Finding.fail("model", error.message, "Fetch it again: coco setup --force")
        return
    yield Finding.ok(
        "model", f"{model.name} is installed and its checksums are right", path=str(model.directory)
    )
    if situation.stats is not None and situation.stats.health.model.state != "ready":
        told = situation.stats.health.model
        yield Finding.warn(
            "model",
            f"The running service does not use it ({told.state}{_reason(told.detail)}).",
            "Let it look again: coco restart",
        )


def check_registered_models(situation: Situation) -> Iterator[Finding]:
    """Let each custom model embed a text: an index under a broken one answers with keywords."""
    settings = situation.settings
    if not settings.models:
        return
    from coco_embed.catalogue import look_at_models

    for entry in look_at_models(local_embedders(settings).settings, registered_only=True):
        if entry.state == "ready":
            message = f"{entry.name} embeds, {entry.dimension} dimensions"
            yield Finding.ok("registered model", message, place=entry.place, origin=entry.origin)
        else:
            yield Finding.warn(
                "registered model",
                f"{entry.name} ({entry.origin}) is {entry.state}: {entry.detail}",
                entry.hint or f"Correct {entry.origin}, or take the model out.",
            )


def check_index_tool(situation: Situation) -> Iterator[Finding]:
    """One of the model's sources is the Python package index, which pip or uv asks."""
    del situation
    if importlib.util.find_spec("pip") is not None:
        yield Finding.ok("package tool", "pip is there for the model's last source")
        return
    found = shutil.which("pip3") or shutil.which("pip") or shutil.which("uv")
    if found:
        yield Finding.ok("package tool", f"{found} is there for the model's last source")
        return
    yield Finding.warn(
        "package tool",
        "Neither pip nor uv is found, so the model cannot come from the package index.",
        "Install one of them, or bring the model: coco setup --model-path FILE",
    )


def _reason(detail: str) -> str:
    return f": {detail}" if detail else ""
