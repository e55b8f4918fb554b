"""`coco config add-reranker`: registers a cross-encoder in the user's own settings."""

from __future__ import annotations

import json as json_text
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import CocoError, InvalidInput
from coco_local.cli.options import Json
from coco_local.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_embed.reranking.rerankers import RerankerListEntry

__all__ = ["add_reranker"]


def add_reranker(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What searches will call it.")],
    place: Annotated[
        str,
        typer.Argument(
            metavar="DIRECTORY-OR-URL",
            help="An ONNX directory (model.onnx, tokenizer.json), or a server without /rerank.",
        ),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="The server's name of the model (NAME).")
    ] = None,
    api_key_env: Annotated[
        str | None,
        typer.Option(
            "--api-key-env", metavar="VARIABLE", help="The variable with the server's key."
        ),
    ] = None,
    file: Annotated[
        str | None, typer.Option("--file", help="The graph in the directory (model.onnx).")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option("--max-tokens", help="The longest input, query and text together."),
    ] = None,
    timeout: Annotated[
        int | None,
        typer.Option("--timeout", metavar="SECONDS", help="How long a query waits for it (5)."),
    ] = None,
    json: Json = False,
) -> None:
    """Register a reranker: a cross-encoder that reads the first results of a search again.

    It is written into config.toml and scores a text to show that it can.
    """
    terminal = terminal_of(context)
    # Of two that are both there, a URL is never meant as a directory.
    is_url = place.startswith(("http://", "https://"))
    fields: dict[str, str | int | None] = {
        "url" if is_url else "path": place if is_url else str(Path(place).expanduser().resolve()),
        "file": file,
        "model": model,
        "api_key_env": api_key_env,
        "max_tokens": max_tokens,
        "timeout_seconds": timeout,
    }
    entry = _register(name, {key: value for key, value in fields.items() if value is not None})
    if json:
        from dataclasses import asdict

        terminal.emit({"reranker": asdict(entry)})
    else:
        terminal.line(f"{entry.name} is registered ({entry.origin}).")
        terminal.note(f"Use it after a restart: coco restart, then coco query --rerank {name} TEXT")
    if entry.state != "ready":
        terminal.warn(f"{entry.name} is {entry.state}: {entry.detail} {entry.hint}".strip())


def _register(name: str, fields: dict[str, str | int]) -> RerankerListEntry:
    """Append the table to the settings, and look at what they say then.

    Raises:
        InvalidInput: the name is taken.
        InvalidConfig: a value cannot be used; the file stays as it was.
    """
    from coco_local.models.rerankers import local_rerankers
    from coco_local.settings import load_settings

    settings = load_settings(environ=os.environ)
    taken = settings.rerankers.get(name)
    if taken is not None:
        raise InvalidInput(
            f"There is a reranker {name!r} already ({taken.origin}).",
            hint="Choose another name, or change that table.",
        )
    path = settings.home.config
    settings.home.ensure()
    before = path.read_bytes() if path.exists() else None
    lines = [f"{key} = {_toml(value)}" for key, value in fields.items()]
    table = "\n".join([f"[rerankers.{_toml(name)}]", *lines, ""])
    gap = b"" if not before else b"\n" if before.endswith(b"\n") else b"\n\n"
    path.write_bytes((before or b"") + gap + table.encode())
    try:
        rerankers = local_rerankers(load_settings(environ=os.environ))
    except CocoError:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
        raise
    try:
        return next(entry for entry in rerankers.list() if entry.name == name)
    finally:
        rerankers.close()


def _toml(value: str | int) -> str:
    # JSON's strings are TOML's, too, except for pairs of surrogates, which are not written so.
    return json_text.dumps(value, ensure_ascii=False)
