"""Server-sent events: models as events, and late errors as events too."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import Response
from starlette.responses import StreamingResponse

from coco_core.errors import CocoError
from coco_protocol.base import Answer, json_bytes
from coco_protocol.errors import error_envelope
from coco_protocol.serving.errors import note_failure, unforeseen

__all__ = ["EVENT_STREAM", "KEEP_ALIVE", "event_bytes", "event_stream"]

EVENT_STREAM = "text/event-stream"

KEEP_ALIVE = b": waiting\n\n"
"""A comment, for proxies and clients that drop what is silent."""

_HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event_stream(chunks: AsyncIterator[bytes], request_id: str) -> Response:
    """Return an SSE answer; an error after its head becomes an event named ``error``."""

    async def guarded() -> AsyncIterator[bytes]:
        try:
            async for chunk in chunks:
                yield chunk
        except CocoError as error:
            note_failure(error, request_id)
            yield event_bytes("error", error_envelope(error, request_id))
        except Exception as error:  # noqa: BLE001 - the head is out; log it and tell it in the stream
            yield event_bytes("error", error_envelope(unforeseen(error, request_id), request_id))

    return StreamingResponse(guarded(), media_type=EVENT_STREAM, headers=_HEADERS)


def event_bytes(event: str, data: Answer, event_id: int | None = None) -> bytes:
    """Format one event; JSON has no line ends, so ``data`` is one line."""
    head = b"" if event_id is None else b"id: %d\n" % event_id
    return head + b"event: " + event.encode() + b"\ndata: " + json_bytes(data) + b"\n\n"
