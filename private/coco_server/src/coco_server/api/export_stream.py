"""Export streams: rows from a database cursor to the socket, unparsed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from anyio import CancelScope
from fastapi import Response
from starlette.responses import StreamingResponse

from coco_protocol.base import json_bytes
from coco_protocol.envelope import Meta
from coco_server.api.releasing import ReleasingResponse
from coco_server.api.services import Services
from coco_server.auth.authorize import Caller
from coco_server.domain.exports import ExportReader
from coco_server.store.export import Export

__all__ = ["stream_rows"]


async def stream_rows(services: Services, caller: Caller, name: str, export: Export) -> Response:
    """Return the envelope around ``{name: [row, …]}``, written as the rows come.

    An export keeps a connection while its client reads: it has connections of its own, of which an
    org gets a share. The first rows are read before the answer begins: what fails until then is an
    error envelope. What fails later breaks the connection, so that half an answer is not taken for
    a whole one.

    Raises:
        RateLimited: the org has too many exports under way.
    """
    org_id = caller.scope.org_id
    async with AsyncExitStack() as held:
        await held.enter_async_context(services.turns.exports.turn(org_id))
        rows = ExportReader(services.export_database, org_id, export)

        async def close() -> None:
            # A client that leaves must not keep a connection to the database.
            with CancelScope(shield=True):
                await services.pools.run("export", rows.close)

        held.push_async_callback(close)
        first = await services.pools.run("export", next, rows, None)
        head = b'{"meta":' + json_bytes(Meta(request_id=caller.request_id))
        head += b',"data":{"' + name.encode() + b'":['

        async def pieces() -> AsyncIterator[bytes]:
            ready = first
            yield head
            separator = b""
            while ready is not None:
                yield separator + b",".join(ready)
                separator = b","
                ready = await services.pools.run("export", next, rows, None)
            yield b"]}}"

        body = StreamingResponse(pieces(), media_type="application/json")
        return ReleasingResponse(body, held.pop_all())
