"""The stdio transport: each line in gets its answer, also what is no message, also at the end.

The SDK's own reader drops a line that is not JSON or not a message, and calls in flight when the
input ends. Both leave a model waiting for its client's timeout.
"""

from __future__ import annotations

import io
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage
from mcp.types import (
    JSONRPCError,
    JSONRPCMessage,
    JSONRPCNotification,
    JSONRPCRequest,
    JSONRPCResponse,
)

from coco_local.mcp.messages import Rejected, parse_message
from coco_local.mcp.server import TOOL_TIMEOUT

__all__ = ["stdio_streams"]

# A call has ended by then, with a sentence if the service is stuck.
LAST_ANSWERS = TOOL_TIMEOUT + 5.0

Incoming = MemoryObjectReceiveStream[SessionMessage | Exception]
Outgoing = MemoryObjectSendStream[SessionMessage]


class _Calls:
    """The requests that have no answer yet."""

    def __init__(self) -> None:
        # By the text of the id: a client may cancel call 7 as "7".
        self._open: Counter[str] = Counter()
        self._changed = anyio.Event()

    def came_in(self, message: JSONRPCMessage) -> None:
        if isinstance(message, JSONRPCRequest):
            self._open[str(message.id)] += 1
        elif (
            isinstance(message, JSONRPCNotification) and message.method == "notifications/cancelled"
        ):
            # A call that its client has cancelled is never answered.
            self._answered((message.params or {}).get("requestId"))

    def went_out(self, message: JSONRPCMessage) -> None:
        if isinstance(message, JSONRPCResponse | JSONRPCError):
            self._answered(message.id)

    def _answered(self, request_id: object) -> None:
        if self._open[str(request_id)] > 0:
            self._open[str(request_id)] -= 1
            self._changed.set()

    async def all_answered(self) -> None:
        while self._open.total() > 0:
            self._changed = anyio.Event()
            await self._changed.wait()


@asynccontextmanager
async def stdio_streams(
    stdin: IO[bytes] | None = None,
) -> AsyncIterator[tuple[Incoming, Outgoing]]:
    """Yield the messages of standard input, and where to send those for standard output.

    The messages end once the input has ended and every call is answered.
    """
    lines = anyio.wrap_file(stdin or sys.stdin.buffer)
    calls = _Calls()
    to_server, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    outgoing, from_server = anyio.create_memory_object_stream[SessionMessage](0)
    # The SDK writes, and keeps stray output off the wire; its reader gets an input without a line.
    async with stdio_server(stdin=anyio.wrap_file(io.StringIO())) as (_, wire):

        async def read() -> None:
            async with to_server:
                async for line in lines:
                    text = line.decode("utf-8", "replace")
                    if not text.strip():
                        continue
                    try:
                        message = parse_message(text)
                    except Rejected as rejected:
                        await wire.send(SessionMessage(rejected.error))
                        continue
                    calls.came_in(message)
                    await to_server.send(SessionMessage(message))
                with anyio.move_on_after(LAST_ANSWERS):
                    await calls.all_answered()

        async def write() -> None:
            async with from_server, wire:
                async for item in from_server:
                    await wire.send(item)
                    calls.went_out(item.message)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            tasks.start_soon(write)
            yield incoming, outgoing
