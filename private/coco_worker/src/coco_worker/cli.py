"""The command line of the worker."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from coco_core.errors import CocoError

__all__ = ["main"]

# Half way to the lowest: a query's share of a busy core is then about nine times a worker's.
_NICENESS = 10

_app = typer.Typer(
    help="The ingest worker of CoCo's server mode. COCO_* variables configure it.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@_app.callback()
def _root() -> None:
    """Keep ``run`` a verb of its own: others may follow."""


@_app.command("run")
def _run(
    *,
    host: Annotated[str | None, typer.Option(help="Address of the gRPC port.")] = None,
    port: Annotated[int | None, typer.Option(help="The gRPC port; 0: any free one.")] = None,
    slots: Annotated[int | None, typer.Option(help="Jobs at a time.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Plain gRPC on an address that others can reach.")
    ] = False,
) -> None:
    """Take jobs from the queue until SIGTERM, then finish or give back what is in hand."""
    from coco_protocol.serving.logs import configure_json_logs
    from coco_server.secret_files import adopt_secret_files, secret_variables
    from coco_server.settings import FIELDS
    from coco_worker.service import run as work
    from coco_worker.settings import load_settings

    flags = {
        "worker_host": host,
        "worker_port": port,
        "worker_slots": slots,
        "log_level": log_level,
    }
    adopt_secret_files(os.environ, secret_variables(FIELDS))
    settings = load_settings(flags, environ=os.environ, insecure=insecure)
    configure_json_logs(settings.log_level)
    if sys.platform != "win32":
        # Where queries are answered on the same machine, bulk work waits for them.
        os.nice(_NICENESS)
    ended = work(settings)
    sys.stderr.flush()
    if not ended:
        # A thread that does not end must not keep the process; its lease runs out.
        os._exit(3)


def main() -> None:
    """Run the command line; errors of CoCo are one or two sentences."""
    try:
        _app()
    except CocoError as error:
        typer.echo(f"coco-worker: {error}", err=True)
        sys.exit(1)
