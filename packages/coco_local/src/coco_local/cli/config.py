"""`coco config`: settings with their origins, indexing configs, and the indexes under them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import InvalidConfig, Unreadable
from coco_local.cli.add_reranker import add_reranker
from coco_local.cli.completion import complete_config
from coco_local.cli.indexes import drop, indexes
from coco_local.cli.models import models
from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_protocol.configs import ConfigBody

__all__ = ["app"]

# A config is twenty lines; something else was named.
_MAX_FILE_BYTES = 1 << 20

app = typer.Typer(help="Show settings; list and add indexing configs.", no_args_is_help=True)
app.command()(models)
app.command("add-reranker")(add_reranker)
app.command()(indexes)
app.command()(drop)


@app.command()
def show(context: typer.Context, *, json: Json = False) -> None:
    """Print every setting with its value and where it comes from."""
    from coco_local.cli.connection import current_directory
    from coco_local.settings import explain_settings, load_settings

    terminal = terminal_of(context)
    project = _project_directory(current_directory())
    values = explain_settings(environ=os.environ, project=project)
    if json:
        entries = [
            {"name": value.name, "value": _plain(value.value), "origin": value.origin}
            for value in values
        ]
        terminal.emit({"settings": entries})
    else:
        rows = [(value.name, _text(value.value), value.origin) for value in values]
        terminal.table(("SETTING", "VALUE", "ORIGIN"), rows)
    for warning in load_settings(environ=os.environ, project=project).warnings:
        terminal.warn(warning)


def _project_directory(cwd: Path) -> Path | None:
    """Return the directory around ``cwd`` that has a project's own settings."""
    from coco_local.settings import PROJECT_FILE

    for directory in (cwd, *cwd.parents):
        if (directory / PROJECT_FILE).is_file():
            return directory
    return None


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _text(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value) or "-"
    return str(value)


@app.command("list")
def list_configs(context: typer.Context, *, json: Json = False) -> None:
    """List the indexing configs."""
    from coco_local.cli.connection import connected

    terminal = terminal_of(context)
    with connected() as client:
        data = client.configs()
        if json:
            terminal.emit(data, client.meta)
            return
    rows = [
        (
            config.config_id,
            config.chunking.strategy_name,
            f"{config.chunking.chunk_size} {config.chunking.unit}",
            str(config.chunking.chunk_overlap),
            config.embedding.model_name,
            config.fingerprint,
        )
        for config in data.configs
    ]
    terminal.table(("ID", "CHUNKS", "SIZE", "OVERLAP", "MODEL", "FINGERPRINT"), rows)


@app.command()
def add(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="YAML or JSON; '-' is the input.")],
    json: Json = False,
) -> None:
    """Register an indexing config from a file.

    Configs do not change: the same id with other content is refused.
    """
    from coco_core.configs import IndexingConfig
    from coco_local.cli.connection import connected
    from coco_local.cli.requests import build
    from coco_protocol.configs import ConfigRequest

    terminal = terminal_of(context)
    content = _read_mapping(file)
    if "config_id" not in content:
        raise InvalidConfig(f"{file} has no config_id.", hint="Add a line: config_id: my-config")
    # The core names the wrong field better than the wire does.
    config = IndexingConfig.from_dict(content)
    with connected() as client:
        # Through JSON's types, as the wire is strict about them.
        added = client.add_config(build(ConfigRequest, **_sections(config.to_dict())))
        if json:
            terminal.emit(added, client.meta)
        else:
            _show_config(terminal, added)


@app.command("show-index")
def show_index(
    context: typer.Context,
    *,
    config_id: Annotated[
        str, typer.Argument(metavar="ID", help="Which.", autocompletion=complete_config)
    ],
    json: Json = False,
) -> None:
    """Print one indexing config."""
    from coco_local.cli.connection import connected
    from coco_local.cli.requests import build
    from coco_protocol.configs import ConfigIdRequest

    terminal = terminal_of(context)
    with connected() as client:
        found = client.config(build(ConfigIdRequest, config_id=config_id))
        if json:
            terminal.emit(found, client.meta)
        else:
            _show_config(terminal, found)


def _sections(data: dict[str, object]) -> dict[str, object]:
    from coco_local.cli.requests import build
    from coco_protocol.configs import ChunkingBody, EmbeddingBody

    chunking, embedding = data["chunking"], data["embedding"]
    assert isinstance(chunking, dict)
    assert isinstance(embedding, dict)
    return {
        "config_id": data["config_id"],
        "chunking": build(ChunkingBody, **chunking),
        "embedding": build(EmbeddingBody, **embedding),
    }


def _show_config(terminal: Terminal, config: ConfigBody) -> None:
    """Print the config as the YAML that `add` reads, with the rest as comments."""
    terminal.line(f"# fingerprint {config.fingerprint}")
    terminal.line(f"config_id: {config.config_id}")
    for name in ("chunking", "embedding"):
        terminal.line(f"{name}:")
        section = getattr(config, name)
        for field, value in section.model_dump(mode="json").items():
            terminal.line(f"  {field}: {value}")


def _read_mapping(file: Path) -> dict[str, object]:
    import sys

    import yaml

    try:
        if str(file) == "-":
            text = sys.stdin.read(_MAX_FILE_BYTES + 1)
        else:
            with file.open(encoding="utf-8") as opened:
                text = opened.read(_MAX_FILE_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unreadable(f"{str(file)!r} cannot be read: {reason}.") from error
    if len(text) > _MAX_FILE_BYTES:
        raise Unreadable(f"{str(file)!r} is too large to be an indexing config.")
    try:
        # JSON is YAML.
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidConfig(f"{str(file)!r} is neither YAML nor JSON: {error}.") from error
    if not isinstance(content, dict):
        raise InvalidConfig(
            f"{str(file)!r} holds no mapping.", hint="It begins like: config_id: my-config"
        )
    return {str(key): value for key, value in content.items()}
