"""Answers that hold something until the client has them, or has gone."""

from __future__ import annotations

from contextlib import AsyncExitStack

from fastapi import Response
from starlette.types import Receive, Scope, Send

__all__ = ["ReleasingResponse"]


class ReleasingResponse(Response):
    """Sends another response; what ``held`` keeps is let go at the end, however that comes.

    A generator cannot do that: it never begins when the client leaves before its first part.
    """

    def __init__(self, inner: Response, held: AsyncExitStack) -> None:
        super().__init__(status_code=inner.status_code)
        self._inner = inner
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        async with self._held:
            await self._inner(scope, receive, send)
