"""Stands in for a Qdrant server, of which no package index has a build.

It speaks the part of Qdrant's HTTP protocol that CoCo uses and answers from `qdrant-client`'s local
mode: the same filters and scores, computed by looking at every point. What it cannot show is HNSW,
indexes of payloads and anything about speed. With ``COCO_TEST_QDRANT_URL`` the same tests run
against a real server.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python
from qdrant_client import QdrantClient, models

from tests.http_server import Handler, served

API_KEY = "a key for tests"


@contextmanager
def qdrant_server() -> Iterator[str]:
    """Yield the URL of a Qdrant, a real one if the environment names it."""
    real = os.environ.get("COCO_TEST_QDRANT_URL")
    if real:
        yield real
        return
    with served(_Handler) as server:
        yield f"http://127.0.0.1:{server.server_port}"


class _Store:
    """The local mode, which knows no threads."""

    def __init__(self) -> None:
        self.client = QdrantClient(":memory:")
        self.lock = threading.Lock()

    def answer(self, method: str, path: list[str], body: bytes) -> Any:
        if path == ["collections"]:
            return self.client.get_collections()
        name, rest = path[1], path[2:]
        routes: dict[tuple[str, ...], Callable[[], Any]] = {
            ("GET", "exists"): lambda: {"exists": self.client.collection_exists(name)},
            ("GET",): lambda: self.client.get_collection(name),
            ("PUT",): lambda: self._create(name, body),
            ("DELETE",): lambda: self.client.delete_collection(name),
            # Local mode has no indexes of payloads; a real server makes one here.
            ("PUT", "index"): lambda: {"operation_id": 0, "status": "completed"},
            ("PUT", "points"): lambda: self._upsert(name, body),
            ("POST", "points"): lambda: self._retrieve(name, body),
            ("POST", "points", "scroll"): lambda: self._scroll(name, body),
            ("POST", "points", "count"): lambda: self._count(name, body),
            ("POST", "points", "query", "batch"): lambda: self._query(name, body),
            ("POST", "points", "delete"): lambda: self._delete(name, body),
        }
        with self.lock:
            return routes[method, *rest]()

    def _create(self, name: str, body: bytes) -> bool:
        wanted = models.CreateCollection.model_validate_json(body)
        assert wanted.vectors is not None
        return self.client.create_collection(name, vectors_config=wanted.vectors)

    def _upsert(self, name: str, body: bytes) -> Any:
        given = TypeAdapter[Any](models.PointInsertOperations).validate_json(body)
        points = given.batch if isinstance(given, models.PointsBatch) else given.points
        return self.client.upsert(name, points)

    def _retrieve(self, name: str, body: bytes) -> Any:
        asked = models.PointRequest.model_validate_json(body)
        return self.client.retrieve(
            name,
            asked.ids,
            with_payload=asked.with_payload is not False,
            with_vectors=bool(asked.with_vector),
        )

    def _scroll(self, name: str, body: bytes) -> Any:
        asked = models.ScrollRequest.model_validate_json(body)
        points, following = self.client.scroll(
            name, asked.filter, limit=asked.limit or 10, offset=asked.offset
        )
        return {"points": points, "next_page_offset": following}

    def _count(self, name: str, body: bytes) -> Any:
        asked = models.CountRequest.model_validate_json(body)
        return self.client.count(name, count_filter=asked.filter, exact=bool(asked.exact))

    def _query(self, name: str, body: bytes) -> Any:
        asked = models.QueryRequestBatch.model_validate_json(body)
        # Local mode looks at every point, and says so when it is told how to walk a graph.
        searches = [each.model_copy(update={"params": None}) for each in asked.searches]
        return self.client.query_batch_points(name, searches)

    def _delete(self, name: str, body: bytes) -> Any:
        which = TypeAdapter[Any](models.PointsSelector).validate_json(body)
        return self.client.delete(name, which)


class _Handler(Handler):
    store = _Store()

    def respond(self) -> None:
        body = self.read_body()
        if self.headers.get("api-key") != API_KEY:
            self.answer(401, {"status": {"error": "Must provide an API key"}})
            return
        path = [part for part in urlsplit(self.path).path.split("/") if part]
        try:
            result = self.store.answer(self.command, path, body)
        except (KeyError, ValueError) as error:
            self.answer(404, {"status": {"error": f"{self.command} {self.path}: {error}"}})
            return
        self.answer(200, {"result": to_jsonable_python(result), "status": "ok", "time": 0.0})


def new_prefix() -> str:
    """A prefix that no other test uses, for a real server keeps its collections."""
    return f"test-{uuid.uuid4().hex[:8]}"
