"""What the tools ask of CoCo, answered over HTTP (stdio shim) or in the daemon's own process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol, TypeVar

from coco_core.errors import DaemonNotRunning
from coco_protocol.docs import (
    DocumentRequest,
    GrepData,
    GrepRequest,
    OutlineData,
    QueryData,
    QueryMeta,
    QueryRequest,
    ReadData,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.projects import ProjectList
from coco_protocol.system import HealthData

if TYPE_CHECKING:
    from collections.abc import Callable

    from coco_local.client import Client
    from coco_local.service import LocalService
    from coco_local.settings import Settings

__all__ = ["Backend", "DaemonBackend", "ServiceBackend"]

T = TypeVar("T")


class Backend(Protocol):
    """The read-only part of CoCo, for one project that was chosen before."""

    def health(self) -> HealthData:
        """Return the daemon's health."""
        ...

    def projects(self) -> ProjectList:
        """Return all registered projects."""
        ...

    def query(self, request: QueryRequest, project_id: str) -> tuple[QueryMeta, QueryData]:
        """Search."""
        ...

    def related(self, request: RelatedRequest, project_id: str) -> tuple[QueryMeta, QueryData]:
        """Find chunks like one that is known."""
        ...

    def outline(self, doc_id: str, project_id: str) -> OutlineData:
        """List a file's definitions."""
        ...

    def grep(self, request: GrepRequest, project_id: str) -> GrepData:
        """Search the files' text as it is now."""
        ...

    def read(self, request: ReadRequest, project_id: str) -> ReadData:
        """Read lines from disk."""
        ...


class ServiceBackend:
    """Calls the daemon's operations directly: `/mcp` runs inside it."""

    def __init__(self, service: LocalService) -> None:
        self._service = service

    def health(self) -> HealthData:
        """Return the daemon's health."""
        return self._service.health()

    def projects(self) -> ProjectList:
        """Return all registered projects."""
        return self._service.projects()

    def query(self, request: QueryRequest, project_id: str) -> tuple[QueryMeta, QueryData]:
        """Search."""
        return self._service.query(request, project_id)

    def related(self, request: RelatedRequest, project_id: str) -> tuple[QueryMeta, QueryData]:
        """Find chunks like one that is known."""
        return self._service.related(request, project_id)

    def outline(self, doc_id: str, project_id: str) -> OutlineData:
        """List a file's definitions."""
        return self._service.outline(doc_id, project_id, None)

    def grep(self, request: GrepRequest, project_id: str) -> GrepData:
        """Search the files' text as it is now."""
        return self._service.grep(request, project_id)

    def read(self, request: ReadRequest, project_id: str) -> ReadData:
        """Read lines from disk."""
        return self._service.read(request, project_id)


class DaemonBackend:
    """Calls the daemon over HTTP, finds it anew after it was started, restarted or moved."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._client: Client | None = None

    def health(self) -> HealthData:
        """Return the daemon's health."""
        return self._ask(lambda client: client.health())

    def projects(self) -> ProjectList:
        """Return all registered projects."""
        return self._ask(lambda client: client.projects())

    def query(self, request: QueryRequest, project_id: str) -> tuple[QueryMeta, QueryData]:
        """Search."""
        asked = request.model_copy(update={"project_id": project_id})
        answer = self._ask(lambda client: client.query(asked))
        return answer.meta, answer.data

    def related(self, request: RelatedRequest, project_id: str) -> tuple[QueryMeta, QueryData]:
        """Find chunks like one that is known."""
        asked = request.model_copy(update={"project_id": project_id})
        answer = self._ask(lambda client: client.related(asked))
        return answer.meta, answer.data

    def outline(self, doc_id: str, project_id: str) -> OutlineData:
        """List a file's definitions."""
        asked = DocumentRequest(doc_id=doc_id, project_id=project_id)
        return self._ask(lambda client: client.outline(asked))

    def grep(self, request: GrepRequest, project_id: str) -> GrepData:
        """Search the files' text as it is now."""
        asked = request.model_copy(update={"project_id": project_id})
        return self._ask(lambda client: client.grep(asked))

    def read(self, request: ReadRequest, project_id: str) -> ReadData:
        """Read lines from disk."""
        asked = request.model_copy(update={"project_id": project_id})
        return self._ask(lambda client: client.read(asked))

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _ask(self, call: Callable[[Client], T]) -> T:
        """Call the daemon; when it is gone, look once for one on another port."""
        client, known = self._connected()
        try:
            return call(client)
        except DaemonNotRunning:
            self._forget(client)
            if not known:
                raise
        fresh, _ = self._connected()
        try:
            return call(fresh)
        except DaemonNotRunning:
            self._forget(fresh)
            raise

    def _connected(self) -> tuple[Client, bool]:
        """Return the client, and whether it was there before this call."""
        with self._lock:
            if self._client is not None:
                return self._client, True
            from coco_local.client import Client

            self._client = Client.discover(self._settings)
            return self._client, False

    def _forget(self, client: Client) -> None:
        with self._lock:
            if self._client is client:
                self._client = None
        # Only idle connections are closed: another thread's call goes on.
        client.close()
