"""`coco start`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from coco_core.errors import AlreadyRunning, InvalidInput
from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.settings import Settings
    from coco_protocol.system import HealthData

__all__ = ["Host", "LogLevel", "ModelUrl", "Offline", "Port", "announce", "service_flags", "start"]

Port: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--port", min=0, max=65_535, metavar="PORT", help="Port to listen on; 0: any free."
    ),
]
Host: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--host", metavar="ADDRESS", help="Address; beyond loopback, COCO_API_KEY is needed."
    ),
]
ModelUrl: TypeAlias = Annotated[
    str | None,
    typer.Option("--model-url", metavar="URL", help="Fetch the model from this file or mirror."),
]
Offline: TypeAlias = Annotated[
    bool | None, typer.Option("--offline", help="Fetch nothing from the network.")
]
LogLevel: TypeAlias = Annotated[
    str | None, typer.Option("--log-level", metavar="LEVEL", help="debug, info, warning or error.")
]


def start(
    context: typer.Context,
    *,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]", help="Directories to register and index, too."),
    ] = None,
    headless: Annotated[
        bool, typer.Option("--headless", help="Log lines instead of the dashboard.")
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Run in the background; return once it listens.")
    ] = False,
    host: Host = None,
    port: Port = None,
    model_url: ModelUrl = None,
    offline: Offline = None,
    log_level: LogLevel = None,
    json: Json = False,
) -> None:
    """Start the service, index and watch projects.

    On a terminal it shows the dashboard. When the service runs already, the paths are registered
    with it and its status is shown. With --detach, --json prints where it listens.
    """
    from coco_local.cli.connection import current_directory, read_settings
    from coco_local.cli.importing import absolute
    from coco_local.daemon.lifecycle import detach as go_to_background
    from coco_local.daemon.lifecycle import find_running

    if json and not detach:
        raise InvalidInput(
            "--json works only with --detach.", hint="Use: coco start --detach --json"
        )
    terminal = terminal_of(context)
    flags = service_flags(host, port, model_url, offline, log_level)
    settings = read_settings(flags)
    for warning in settings.warnings:
        terminal.warn(warning)
    roots = [Path(path) for path in absolute(paths or [], current_directory())]
    running = find_running(settings)
    if running is not None:
        _join(terminal, settings, roots, running)
        return
    try:
        if detach:
            # The paths go there as to one that runs already: what is wrong with one is said here.
            health = go_to_background(settings, flags, [])
            _register(terminal, settings, roots)
            announce(terminal, settings, health)
            return
        from coco_local.daemon.serve import end, serve

        code = serve(settings, roots, not headless and _is_interactive(), flags=flags)
    except AlreadyRunning:
        # Another start was a moment faster.
        running = find_running(settings)
        if running is None:
            raise
        _join(terminal, settings, roots, running)
    else:
        end(code)


def service_flags(
    host: str | None,
    port: int | None,
    model_url: str | None,
    offline: bool | None,
    log_level: str | None,
) -> dict[str, object]:
    """Return what flags say of the service's settings, by their names."""
    return {
        "host": host,
        "port": port,
        "model_url": model_url,
        "offline": offline,
        "log_level": log_level,
    }


def announce(terminal: Terminal, settings: Settings, health: HealthData) -> None:
    """Say where a service listens that has gone to the background."""
    from coco_local.client.address import daemon_url

    url = daemon_url(settings)
    if terminal.json:
        terminal.emit({"url": url, "health": health.model_dump(mode="json")})
        return
    terminal.line(f"CoCo {health.version} listens on {url} (PID {health.pid})")
    terminal.line(f"log      {settings.home.log}")
    if health.model.state != "ready":
        shown = (health.model.detail or health.model.state).rstrip(".")
        terminal.line(f"model    {shown}; until it is ready, static vectors are used")
    terminal.line("see it with coco status, search with coco query, end it with coco stop")


def _join(
    terminal: Terminal, settings: Settings, roots: Sequence[Path], running: HealthData
) -> None:
    """Give the paths to the service that runs, and show how it is."""
    from coco_local.cli.connection import connected
    from coco_local.cli.status import show_status

    if not terminal.json:
        terminal.note("the service runs already")
    _register(terminal, settings, roots)
    if terminal.json:
        announce(terminal, settings, running)
        return
    with connected() as client:
        show_status(terminal, client)


def _register(terminal: Terminal, settings: Settings, roots: Sequence[Path]) -> None:
    """Register directories with the service, and say what became of them."""
    from coco_local.daemon.lifecycle import register

    registered = register(settings, roots) if roots else []
    if terminal.json:
        return
    for project in registered:
        what = "registered" if project.created else "is registered"
        terminal.line(f"{what}: {project.name} ({project.path})")
        for notice in project.notices:
            terminal.note(notice)


def _is_interactive() -> bool:
    """Whether somebody looks at the terminal and can press keys; in CI nobody does."""
    in_ci = os.environ.get("CI", "").strip().lower() in {"1", "true", "yes"}
    return sys.stdout.isatty() and sys.stdin.isatty() and not in_ci
