"""`coco config models`: what configs and searches can name, and whether each is ready."""

from __future__ import annotations

import os

import typer

from coco_local.cli.options import Json
from coco_local.cli.terminal import terminal_of

__all__ = ["models"]


def models(context: typer.Context, *, json: Json = False) -> None:
    """List the embedding models that an indexing config can name, and the rerankers.

    Each embeds or scores a text to show that it can. It needs no running service.
    """
    from dataclasses import asdict

    from coco_embed.model_list import list_models
    from coco_local.models.embedders import local_embedders
    from coco_local.models.rerankers import local_rerankers
    from coco_local.settings import load_settings

    terminal = terminal_of(context)
    settings = load_settings(environ=os.environ)
    found = list(list_models(local_embedders(settings).settings))
    rerankers = local_rerankers(settings)
    scoring = list(rerankers.list())
    rerankers.close()
    if json:
        terminal.emit(
            {
                "models": [asdict(entry) for entry in found],
                "rerankers": [asdict(entry) for entry in scoring],
            }
        )
        return
    rows: list[tuple[str, ...]] = [
        (
            entry.name,
            entry.kind,
            entry.state,
            str(entry.dimension or "-"),
            str(entry.max_tokens or "-"),
            entry.place or "-",
        )
        for entry in found
    ]
    rows += [
        (
            entry.name,
            f"reranker, {entry.kind}",
            entry.state,
            "-",
            str(entry.max_tokens or "-"),
            entry.place,
        )
        for entry in scoring
    ]
    heads = ("MODEL", "KIND", "STATE", "DIMENSION", "WINDOW", "PLACE")
    terminal.table(heads, rows, numbers=("DIMENSION", "WINDOW"))
    problems = [(each.name, each.detail, each.hint) for each in found if each.state != "ready"]
    problems += [(each.name, each.detail, each.hint) for each in scoring if each.state != "ready"]
    for name, detail, hint in problems:
        terminal.warn(f"{name}: {detail} {hint}".strip())
