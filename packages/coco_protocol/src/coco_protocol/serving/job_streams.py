"""Events of a job to a client: as server-sent events, or as messages over a WebSocket."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Annotated, TypeAlias

import anyio
from fastapi import Depends, FastAPI, Header, Query, Response, WebSocket
from starlette.status import WS_1000_NORMAL_CLOSURE, WS_1001_GOING_AWAY, WS_1011_INTERNAL_ERROR
from starlette.websockets import WebSocketDisconnect

from coco_core.errors import CocoError
from coco_protocol import jobs
from coco_protocol.base import json_bytes
from coco_protocol.errors import error_envelope
from coco_protocol.server import jobs as server_jobs
from coco_protocol.serving.answers import text_answer
from coco_protocol.serving.errors import note_failure, request_id_of
from coco_protocol.serving.sse import EVENT_STREAM, KEEP_ALIVE, event_bytes, event_stream

__all__ = [
    "KEEP_ALIVE_SECONDS",
    "AfterSequence",
    "JobEventFeed",
    "add_job_streams",
    "event_response",
    "send_events",
]

KEEP_ALIVE_SECONDS = 10.0
"""Proxies and clients drop what is silent for 30 s and more."""

# Event sequences are counted up by one; this is the largest integer that JavaScript keeps exact.
_MAX_SEQUENCE = 2**53 - 1

JobEventFeed: TypeAlias = AsyncIterator[jobs.JobEvent | server_jobs.JobEvent | None]
"""Events to come; None when there was nothing for `KEEP_ALIVE_SECONDS`."""


def _after(
    after: Annotated[
        int, Query(ge=0, le=_MAX_SEQUENCE, description="Send only events above this sequence.")
    ] = 0,
    last_event_id: Annotated[
        int | None,
        Header(ge=0, le=_MAX_SEQUENCE, description="Sent by clients that connect again."),
    ] = None,
) -> int:
    """Return after which event a stream begins."""
    return after if last_event_id is None else last_event_id


AfterSequence: TypeAlias = Annotated[int, Depends(_after)]


def add_job_streams(
    app: FastAPI, events: Callable[..., object], socket: Callable[..., object]
) -> None:
    """Add a job's events at one path: to a plain GET, and with ``Upgrade: websocket``."""
    path = "/v1/jobs/{job_id}/events"
    over = "The job has ended and every event was sent before"
    app.add_api_route(
        path,
        events,
        response_class=Response,
        responses={204: {"description": over}, **text_answer(EVENT_STREAM)},
        tags=["jobs"],
    )
    app.add_api_websocket_route(path, socket)


def event_response(feed: JobEventFeed | None, request_id: str) -> Response:
    """Stream the events; without any to come, 204 stops a browser from connecting again."""
    if feed is None:
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def chunks() -> AsyncIterator[bytes]:
        async for event in feed:
            yield event_bytes("job", event, event.sequence) if event else KEEP_ALIVE

    return event_stream(chunks(), request_id)


async def send_events(
    socket: WebSocket, feed: JobEventFeed | None, stopping: Callable[[], bool]
) -> None:
    """Accept the socket, send the events and close it; ``stopping`` says why they ended."""
    await socket.accept()
    code = WS_1000_NORMAL_CLOSURE
    async with anyio.create_task_group() as group:

        async def listen() -> None:
            # Nothing is expected from the client; reading is how its leaving becomes known.
            try:
                while True:
                    await socket.receive_text()
            except (WebSocketDisconnect, KeyError):
                group.cancel_scope.cancel()

        group.start_soon(listen)
        code = await _send(socket, feed, stopping)
        group.cancel_scope.cancel()
    # A client that has disconnected cannot receive the end, and needs not.
    with contextlib.suppress(WebSocketDisconnect):
        await socket.close(code)


async def _send(socket: WebSocket, feed: JobEventFeed | None, stopping: Callable[[], bool]) -> int:
    """Send the events; returns the code to close with."""
    try:
        if feed is not None:
            async for event in feed:
                if event is not None:
                    await socket.send_text(json_bytes(event).decode())
    except CocoError as error:
        note_failure(error, request_id_of(socket))
        envelope = error_envelope(error, request_id_of(socket))
        await socket.send_text(json_bytes(envelope).decode())
        return WS_1011_INTERNAL_ERROR
    except WebSocketDisconnect:
        return WS_1000_NORMAL_CLOSURE
    return WS_1001_GOING_AWAY if stopping() else WS_1000_NORMAL_CLOSURE
