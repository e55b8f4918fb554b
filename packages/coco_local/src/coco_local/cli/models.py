"""`coco config models`: the embedding models that a config can name, and whether each can embed."""

from __future__ import annotations

import os

import typer

from coco_local.cli.options import Json
from coco_local.cli.terminal import terminal_of

__all__ = ["models"]


def models(context: typer.Context, *, json: Json = False) -> None:
    """List the embedding models that an indexing config can name.

    Each embeds a text to show that it can. It needs no running service.
    """
    from dataclasses import asdict

    from coco_embed.model_list import list_models
    from coco_local.models.embedders import local_embedders
    from coco_local.settings import load_settings

    terminal = terminal_of(context)
    settings = load_settings(environ=os.environ)
    found = list(list_models(local_embedders(settings).settings))
    if json:
        terminal.emit({"models": [asdict(entry) for entry in found]})
        return
    rows = [
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
    heads = ("MODEL", "KIND", "STATE", "DIMENSION", "WINDOW", "PLACE")
    terminal.table(heads, rows, numbers=("DIMENSION", "WINDOW"))
    for entry in found:
        if entry.state != "ready":
            terminal.warn(f"{entry.name}: {entry.detail} {entry.hint}".strip())
