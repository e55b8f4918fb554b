"""A small web application."""

from __future__ import annotations

import asyncio
from http.client import HTTPConnection as Connection

DEFAULT_PORT = 8080
type Handler = Callable[[Request], Response]


# Routes know nothing of sockets.
@dataclass(frozen=True)
class Route:
    """A path with its handler."""

    path: str
    handler: Handler = print

    def matches(self, path: str) -> bool:
        return self.path == path

    @property
    def depth(self) -> int:
        def count(text: str) -> int:
            return text.count("/")

        return count(self.path)

    class Options:
        strict = True


async def serve(port: int = DEFAULT_PORT) -> None:
    local = Connection("localhost", port)
    await asyncio.sleep(local.timeout)


if __name__ == "__main__":
    asyncio.run(serve())
