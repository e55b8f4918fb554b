"""`coco-server serve`: the API service."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from coco_server.settings import load_settings

__all__ = ["serve"]


def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0: any free one.")] = None,
    tls_mode: Annotated[str | None, typer.Option(help="tls or proxy.")] = None,
    tls_cert: Annotated[str | None, typer.Option(help="PEM file: the certificate chain.")] = None,
    tls_key: Annotated[str | None, typer.Option(help="PEM file: its private key.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
    insecure_dev: Annotated[
        bool, typer.Option("--insecure-dev", help="Plain HTTP, on a loopback address only.")
    ] = False,
    migrate: Annotated[
        bool, typer.Option("--migrate", help="Bring the schema up to date first.")
    ] = False,
) -> None:
    """Start the API service; everything else is set by COCO_* variables (docs/server.md)."""
    flags = {
        "host": host,
        "port": port,
        "tls_mode": tls_mode,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "log_level": log_level,
    }
    settings = load_settings(flags, environ=os.environ, insecure_dev=insecure_dev)
    from coco_server.api.server import serve as run

    run(settings, migrate_first=migrate)
