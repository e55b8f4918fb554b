"""`coco stop` and `coco restart`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from coco_core.errors import DaemonNotRunning
from coco_local.cli.options import Json
from coco_local.cli.start import Host, LogLevel, ModelUrl, Offline, Port, announce, service_flags
from coco_local.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_local.daemon.lifecycle import Stopped

__all__ = ["restart", "stop"]


def stop(context: typer.Context, *, json: Json = False) -> None:
    """Stop the service.

    It finishes the write in hand first. Exit code 3 means that it did not run.
    """
    from coco_local.cli.connection import read_settings
    from coco_local.daemon.lifecycle import stop_running

    terminal = terminal_of(context)
    stopped = stop_running(read_settings())
    if json:
        terminal.emit({"pid": stopped.pid, "seconds": stopped.seconds, "how": stopped.how})
    else:
        terminal.line(_describe(stopped))


def restart(
    context: typer.Context,
    *,
    host: Host = None,
    port: Port = None,
    model_url: ModelUrl = None,
    offline: Offline = None,
    log_level: LogLevel = None,
    json: Json = False,
) -> None:
    """Stop the service and start it again.

    It comes back in the background, at the same address unless another one is given. One that did
    not run is started.
    """
    from coco_local.cli.connection import read_settings
    from coco_local.daemon.lifecycle import detach, stop_running
    from coco_local.daemon.lock import ServiceLock

    del json
    terminal = terminal_of(context)
    flags = service_flags(host, port, model_url, offline, log_level)
    # Wrong flags are told before anything is stopped.
    settings = read_settings(flags)
    record = ServiceLock(settings.home.lock).inspect()
    if record is not None:
        flags["host"] = host if host is not None else record.host
        flags["port"] = port if port is not None else record.port
    try:
        stopped = stop_running(settings)
    except DaemonNotRunning:
        terminal.note("the service did not run")
    else:
        terminal.note(_describe(stopped))
    settings = read_settings(flags)
    announce(terminal, settings, detach(settings, flags, []))


def _describe(stopped: Stopped) -> str:
    how = "" if stopped.how == "asked" else ", which did not answer"
    return f"stopped the service (PID {stopped.pid}{how}) in {stopped.seconds:.1f} s"
