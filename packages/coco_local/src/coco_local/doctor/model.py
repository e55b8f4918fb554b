"""Checks of the embedding model and of the ways to get it."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator

from coco_core.errors import Unreadable
from coco_embed.store import ModelStore
from coco_local.doctor.check_result import CheckResult
from coco_local.doctor.context import DoctorContext
from coco_local.models.embedders import local_embedders

__all__ = [
    "check_index_tool",
    "check_model",
    "check_registered_models",
    "check_rerankers",
]


def check_model(context: DoctorContext) -> Iterator[CheckResult]:
    """Compare every checksum: a damaged model answers wrongly without saying so."""
    store = ModelStore(context.settings.home.models)
    model = store.find(context.settings.model_name)
    if model is None:
        yield CheckResult.warn(
            "model",
            f"{context.settings.model_name} is not installed: "
            "search uses keywords and static vectors.",
            "Fetch it: coco setup (without a network: coco setup --model-path FILE)",
        )
        return
    try:
        store.verify(model)
    except Unreadable as error:
        yield CheckResult.fail("model", error.message, "Fetch it again: coco setup --force")
        return
    yield CheckResult.ok(
        "model", f"{model.name} is installed and its checksums are right", path=str(model.directory)
    )
    if context.stats is not None and context.stats.health.model.state != "ready":
        served = context.stats.health.model
        yield CheckResult.warn(
            "model",
            f"The running service does not use it ({served.state}{_reason(served.detail)}).",
            "Let it load the model: coco restart",
        )


def check_registered_models(context: DoctorContext) -> Iterator[CheckResult]:
    """Let each custom model embed a text: an index under a broken one answers with keywords."""
    settings = context.settings
    if not settings.models:
        return
    from coco_embed.model_list import list_models

    for entry in list_models(local_embedders(settings).settings, custom_only=True):
        if entry.state == "ready":
            message = f"{entry.name} embeds, {entry.dimension} dimensions"
            yield CheckResult.ok(
                "registered model", message, place=entry.place, origin=entry.origin
            )
        else:
            yield CheckResult.warn(
                "registered model",
                f"{entry.name} ({entry.origin}) is {entry.state}: {entry.detail}",
                entry.hint or f"Correct {entry.origin}, or remove the model.",
            )


def check_rerankers(context: DoctorContext) -> Iterator[CheckResult]:
    """Let each reranker score a text: under a broken one hits keep their first order."""
    if not context.settings.rerankers:
        return
    from coco_local.models.rerankers import local_rerankers

    rerankers = local_rerankers(context.settings)
    try:
        for entry in rerankers.list():
            if entry.state == "ready":
                yield CheckResult.ok(
                    "reranker", f"{entry.name} scores", place=entry.place, origin=entry.origin
                )
            else:
                yield CheckResult.warn(
                    "reranker",
                    f"{entry.name} ({entry.origin}) is {entry.state}: {entry.detail}",
                    entry.hint or f"Correct {entry.origin}, or remove the reranker.",
                )
    finally:
        rerankers.close()


def check_index_tool(context: DoctorContext) -> Iterator[CheckResult]:
    """One of the model's sources is the Python package index, which pip or uv asks."""
    del context
    if importlib.util.find_spec("pip") is not None:
        yield CheckResult.ok("package tool", "pip can fetch the model from the package index")
        return
    found = shutil.which("pip3") or shutil.which("pip") or shutil.which("uv")
    if found:
        yield CheckResult.ok("package tool", f"{found} can fetch the model from the package index")
        return
    yield CheckResult.warn(
        "package tool",
        "Neither pip nor uv is found, so the model cannot come from the package index.",
        "Install one of them, or bring the model: coco setup --model-path FILE",
    )


def _reason(detail: str) -> str:
    return f": {detail}" if detail else ""
