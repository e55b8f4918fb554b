"""`coco-server dev`: everything on loopback, with an org and keys, for trying out."""

from __future__ import annotations

import json
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer

from coco_core.errors import Unavailable
from coco_server.dev.stack import DevAccess, DevStack

__all__ = ["dev"]

# How often to look whether a part has ended by itself.
_LOOK_SECONDS = 0.5


def dev(
    port: Annotated[int, typer.Option(help="Port of the API service; 0: any free one.")] = 3456,
    data: Annotated[
        Path | None, typer.Option(help="Keep everything in this folder; otherwise nothing is kept.")
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="Workers to start.")] = 1,
    redis: Annotated[bool, typer.Option("--redis", help="Wake workers through a Redis.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print addresses and keys as one line of JSON.")
    ] = False,
) -> None:
    """Start PostgreSQL with pgvector, the API service and a worker on this machine."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        del number, frame
        ended.set()

    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, end)
    with DevStack(data, port=port, workers=workers, redis=redis) as stack:
        assert stack.access is not None
        assert stack.postgres is not None
        typer.echo(_as_json(stack.access, stack.postgres.url()) if as_json else _text(stack.access))
        while not ended.wait(_LOOK_SECONDS):
            gone = stack.failed()
            if gone is not None:
                raise Unavailable(f"The {gone} has ended:\n{stack.tail(gone)}")


def _as_json(access: DevAccess, database: str) -> str:
    return json.dumps(
        {
            "url": access.url,
            "org_id": access.org_id,
            "user_id": access.user_id,
            "api_key": access.api_key,
            "admin_key": access.admin_key,
            "database": database,
        }
    )


def _text(access: DevAccess) -> str:
    return f"""\
CoCo's server mode is running on this machine only; Ctrl-C ends it.

    export COCO={access.url}
    export COCO_ADMIN={access.admin_key}
    export COCO_KEY={access.api_key}
    export COCO_ORG={access.org_id} COCO_USER={access.user_id}

    curl $COCO/v1/sys/health

docs/server.md goes on from here."""
