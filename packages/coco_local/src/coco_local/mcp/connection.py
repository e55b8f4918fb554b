"""Reconnecting client of the stdio server: finds the daemon again after a restart."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from coco_core.errors import DaemonNotRunning
from coco_protocol.base import Answer, Request
from coco_protocol.local import LocalService
from coco_protocol.operations import Operation

if TYPE_CHECKING:
    from coco_local.client.http_client import Client
    from coco_local.settings import Settings

__all__ = ["Connection"]

Q = TypeVar("Q", bound=Request)
A = TypeVar("A", bound=Answer)


class Connection(LocalService):
    """Local mode over HTTP, wherever the daemon listens now."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Client | None = None

    def call(self, operation: Operation[Q, A], request: Q) -> A:
        """Ask the daemon; when it is gone, look once for one on another port."""
        client, known = self._connected()
        try:
            return client.call(operation, request)
        except DaemonNotRunning:
            self._forget(client)
            if not known:
                raise
        fresh, _ = self._connected()
        try:
            return fresh.call(operation, request)
        except DaemonNotRunning:
            self._forget(fresh)
            raise

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _connected(self) -> tuple[Client, bool]:
        """Return the client, and whether it was there before this call."""
        with self._lock:
            if self._client is not None:
                return self._client, True
            from coco_local.client.http_client import Client

            self._client = Client.discover(self._settings)
            return self._client, False

    def _forget(self, client: Client) -> None:
        with self._lock:
            if self._client is client:
                self._client = None
        # Only idle connections are closed: another thread's call goes on.
        client.close()
