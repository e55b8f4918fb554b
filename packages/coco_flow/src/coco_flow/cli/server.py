"""`coco-flow server`."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from coco_flow.cli.app_target import load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import (
    app_argument,
    force_option,
    full_reprocess_option,
    quiet_option,
    reexport_option,
    reset_option,
)
from coco_flow.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow

__all__ = ["ServerRequest", "command"]

_TOKEN_VARIABLE = "COCO_FLOW_SERVER_TOKEN"  # noqa: S105 - a variable's name


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """The options of a server; see `coco-flow server`."""

    address: str | None
    cors_origin: str | None
    cors_local: int | None
    token: str | None
    no_token: bool
    live_update: bool
    reexport: bool
    full_reprocess: bool
    reset: bool
    setup: bool
    force: bool
    quiet: bool

    def cors_origins(self, from_environment: Sequence[str] | None) -> list[str]:
        """Return the origins of the environment and of the options, each once."""
        from coco_flow.setting import ServerSettings

        origins = [*(from_environment or ())]
        origins += ServerSettings.parse_cors_origins(self.cors_origin or "")
        if self.cors_local is not None:
            origins.append(f"http://localhost:{self.cors_local}")
        return list(dict.fromkeys(origins))

    def access_token(self) -> str | None:
        """Return what requests must carry, or None if they need nothing."""
        from coco_flow.server.serve import new_token

        if self.no_token:
            return None
        return self.token or os.environ.get(_TOKEN_VARIABLE) or new_token()


@click.command("server")
@app_argument("APP[:FLOW]")
@click.option(
    "-a",
    "--address",
    metavar="HOST:PORT",
    help="Listen here. Default: COCO_FLOW_SERVER_ADDRESS, else 127.0.0.1:49344. Port 0 takes a "
    "free one.",
)
@click.option(
    "-c",
    "--cors-origin",
    metavar="LIST",
    help="Web pages of these origins may call, separated by commas; those of "
    "COCO_FLOW_SERVER_CORS_ORIGINS may, too.",
)
@click.option(
    "-cl", "--cors-local", type=int, metavar="PORT", help="http://localhost:PORT may call."
)
@click.option(
    "--token",
    metavar="TEXT",
    help=f"What requests must carry as a bearer token. Default: {_TOKEN_VARIABLE}, else a new one, "
    "which is printed.",
)
@click.option("--no-token", is_flag=True, help="Let every program on this machine in.")
@click.option(
    "-L", "--live-update", is_flag=True, help="Follow changes of the sources at the same time."
)
@reexport_option
@full_reprocess_option
@reset_option
@click.option("--setup/--no-setup", default=True, help="Set up first what is not. Default: set up.")
@force_option
@quiet_option
@click.option(
    "-r", "--reload", is_flag=True, help="Start again when a Python file here or of APP changes."
)
@click.pass_context
def command(
    context: click.Context,
    /,
    target: str,
    *,
    reload: bool,
    **options: str | int | bool | None,
) -> int:
    """Serve flows over HTTP.

    Flows, schemas, rows with every value computed from them, errors, statistics and query handlers;
    until Ctrl-C or SIGTERM. It listens on this machine only and requires a token, unless options
    say otherwise.
    """
    terminal = terminal_of(context)
    request = ServerRequest(**options)  # type: ignore[arg-type]
    if reload:
        from coco_flow.cli.reloading import serve_with_reload

        return serve_with_reload(terminal, target)
    flows, _ = load_application(target).chosen()
    if not flows:
        raise click.UsageError(f"{target!r} defines apps but no flow, and only flows are served.")
    return _serve(terminal, flows, request)


def _serve(terminal: Terminal, flows: Sequence[Flow], request: ServerRequest) -> int:
    from coco_flow.cli.setup_plan import prepare_flows
    from coco_flow.cli.stop_signals import StopSignals
    from coco_flow.server.serve import bind_address, make_server
    from coco_flow.setting import ServerSettings

    settings = ServerSettings.from_env()
    token = request.access_token()
    listening = bind_address(request.address or settings.address, has_token=token is not None)
    with listening:
        if not prepare_flows(
            terminal, flows, reset=request.reset, setup=request.setup, force=request.force
        ):
            return Exit.OK
        for flow in flows:
            _ = flow.graph
        background = _Background(terminal, flows, request)
        server = make_server(
            token=token,
            cors_origins=request.cors_origins(settings.cors_origins),
            live=background.updaters,
        )
        # In the main thread it would handle signals, and end the program by them.
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listening]}, name="server", daemon=True
        )
        with StopSignals() as stop:
            background.start()
            thread.start()
            while thread.is_alive() and not server.started and not stop.requested:
                thread.join(0.02)
            _announce(terminal, listening.getsockname(), token)
            while thread.is_alive() and not stop.requested:
                thread.join(0.2)
                background.show()
            server.should_exit = True
            background.stop()
            thread.join(10)
    if not stop.requested:
        terminal.warn("The server ended unexpectedly.")
        return Exit.ERROR
    return Exit.OK


def _announce(terminal: Terminal, name: tuple[str, int], token: str | None) -> None:
    host, port = name[:2]
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    terminal.line(f"Server running at http://{place}/api")
    if token is not None:
        terminal.line(f"Token: {token}")
    terminal.flush()
    terminal.note("Press Ctrl-C to stop.")


class _Background:
    """The live updaters of the server's flows, if requested."""

    def __init__(self, terminal: Terminal, flows: Sequence[Flow], request: ServerRequest) -> None:
        from coco_flow.cli.jobs import UpdateJob
        from coco_flow.cli.update import UpdateRequest
        from coco_flow.cli.updating import JobRun

        options = UpdateRequest(
            live=True,
            reexport=request.reexport,
            full_reprocess=request.full_reprocess,
            quiet=request.quiet,
        ).updater_options
        jobs = [UpdateJob(flow, options) for flow in flows] if request.live_update else []
        self.updaters = {job.flow.name: job.updater for job in jobs}
        self._run = JobRun(terminal, jobs, live=True, target="APP")

    def start(self) -> None:
        """Begin in the background."""
        self._run.start()

    def show(self) -> None:
        """Report the rows processed since the last time."""
        self._run.show()

    def stop(self) -> None:
        """Stop and wait."""
        self._run.stop()
