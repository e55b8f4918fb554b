"""Probes on a port of their own: plain HTTP without keys, for orchestrators only.

They run in a thread with an event loop of its own, so that they answer while the program starts,
and while its own loop is stuck.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from types import MappingProxyType
from typing import TypeAlias

import structlog

from coco_core.errors import PortTaken

__all__ = ["Check", "Probe", "ProbeServer"]

Check: TypeAlias = Callable[[], str | None]
"""Returns why not, in words without secrets; None when all is well."""

_log = structlog.get_logger(__name__)

# Orchestrators wait one second by default; some give up to ten.
_CHECK_SECONDS = 5.0

# However many ask, a check runs no more often.
_KEPT_SECONDS = 1.0

# A probe is one short request.
_REQUEST_SECONDS = 5.0
_LINE_BYTES = 8_192

# Far more than orchestrators open.
_CONNECTIONS = 64


class ProbeServer:
    """Answers ``GET /live``, ``/ready`` and ``/startup`` with 200, or 503 and the reason."""

    def __init__(self, host: str, port: int, *, live: Check, ready: Check, started: Check) -> None:
        """Prepare; ``port`` 0 takes any free one."""
        self._host = host
        self.port = port
        """The one that it listens on, once it does."""
        self._probes: Mapping[str, Probe] = MappingProxyType(
            {"/live": Probe(live), "/ready": Probe(ready), "/startup": Probe(started)}
        )
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._listening = threading.Event()
        self._failure: OSError | None = None
        self._open = 0
        self._threads = ThreadPoolExecutor(len(self._probes), "coco-probe")
        self._thread = threading.Thread(target=self._run, name="coco-probes", daemon=True)

    def start(self) -> None:
        """Listen.

        Raises:
            PortTaken: another program has the port, or the address is not of this machine.
        """
        self._thread.start()
        self._listening.wait()
        if self._failure is not None:
            self._thread.join()
            raise PortTaken(
                f"Probes cannot be served on {self._host}:{self.port}: {self._failure.strerror}.",
                hint="Set another COCO_PROBE_PORT or COCO_WORKER_PROBE_PORT.",
            ) from self._failure

    def close(self) -> None:
        """Stop answering."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        try:
            server = await asyncio.start_server(
                self._answer, self._host, self.port, limit=_LINE_BYTES
            )
        except OSError as error:
            self._failure = error
            self._listening.set()
            return
        self.port = server.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            if self._open <= _CONNECTIONS:
                async with asyncio.timeout(_REQUEST_SECONDS):
                    line = await reader.readuntil(b"\n")
                    # The rest of the head, or closing would break the answer.
                    while await reader.readuntil(b"\n") not in {b"\n", b"\r\n"}:
                        pass
                writer.write(await self._response(line.decode("latin-1").split(" ")))
                async with asyncio.timeout(_REQUEST_SECONDS):
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            # A caller that went away, is too slow, or speaks something else.
            writer.transport.abort()
        finally:
            self._open -= 1
            writer.close()

    async def _response(self, words: list[str]) -> bytes:
        probe = self._probes.get(words[1].partition("?")[0]) if len(words) > 1 else None
        if probe is None:
            known = ", ".join(self._probes)
            return _http(HTTPStatus.NOT_FOUND, {"reason": f"This port has {known}."}, words[0])
        reason = await probe.look(self._threads)
        if reason is None:
            return _http(HTTPStatus.OK, {"status": "ok"}, words[0])
        said = {"status": "unavailable", "reason": reason}
        return _http(HTTPStatus.SERVICE_UNAVAILABLE, said, words[0])


class Probe:
    """One check; it runs once at a time, and what it found holds for a moment."""

    def __init__(self, check: Check, *, kept_seconds: float = _KEPT_SECONDS) -> None:
        self._check = check
        self._kept_seconds = kept_seconds
        self._running: asyncio.Future[str | None] | None = None
        self._found: str | None = None
        self._until = 0.0

    async def look(self, threads: ThreadPoolExecutor) -> str | None:
        """Return why not, or None."""
        if self._running is None and time.monotonic() < self._until:
            return self._found
        if self._running is None:
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(threads, self._checked)
            self._running.add_done_callback(self._note)
        try:
            async with asyncio.timeout(_CHECK_SECONDS):
                return await asyncio.shield(self._running)
        except TimeoutError:
            return f"The check has not ended within {_CHECK_SECONDS:.0f} seconds."

    def _checked(self) -> str | None:
        try:
            return self._check()
        except Exception as error:  # noqa: BLE001 - an orchestrator needs an answer
            _log.error("probe failed", exc_info=error)
            return "The check failed; the log says why."

    def _note(self, done: asyncio.Future[str | None]) -> None:
        self._running = None
        if not done.cancelled():
            self._found = done.result()
            self._until = time.monotonic() + self._kept_seconds


def _http(status: HTTPStatus, body: Mapping[str, str], method: str) -> bytes:
    content = json.dumps(body).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\ncache-control: no-store\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + (b"" if method == "HEAD" else content)
