"""A service and a worker as processes of their own, over one database, as an operator runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg import sql

from tests.api_service import ADMIN_KEY, api_processes
from tests.embedding_server import EmbeddingServer
from tests.waiting import until
from tests.worker_process import WorkerProcess

__all__ = ["DIMENSION", "SCOPES", "Client", "all_rows", "files_with", "operated", "rows_with"]

DIMENSION = 64
SCOPES = ("query", "ingest", "manage", "memo", "impersonate")
CONFIG = {"config_id": "small", "embedding": {"model_name": "hashing", "max_tokens": 64}}


@dataclass(frozen=True)
class Client:
    """What a client of one service sends, with the keys of an org."""

    url: str
    org_id: str = ""
    key: str = ""
    project_id: str = ""
    user_id: str = "user_1"

    def admin(self, method: str, path: str, **given: Any) -> Any:
        """Ask as the administrator; returns the data of a good answer."""
        headers = {"authorization": f"Bearer {ADMIN_KEY}"}
        return _data(httpx.request(method, self.url + path, headers=headers, timeout=60, **given))

    def response(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, **given: Any
    ) -> httpx.Response:
        """Ask with the org's key; returns whatever is answered."""
        own = {
            "authorization": f"Bearer {self.key}",
            "x-coco-org-id": self.org_id,
            "x-coco-user-id": self.user_id,
            "x-coco-project-id": self.project_id,
        }
        return httpx.request(
            method, self.url + path, headers=own | dict(headers or {}), timeout=60, **given
        )

    def ask(self, method: str, path: str, **given: Any) -> Any:
        """Ask with the org's key; returns the data of a good answer."""
        return _data(self.response(method, path, **given))

    def with_org(self, org_id: str, name: str, *scopes: str) -> Client:
        """Create an org with a key; without scopes named, of all."""
        self.admin("POST", "/v1/sys/orgs", json={"name": name, "org_id": org_id})
        return replace(self, org_id=org_id).with_key(*scopes or SCOPES)

    def with_key(self, *scopes: str) -> Client:
        """Make another key of the org."""
        body = {"org_id": self.org_id, "name": "tests", "scopes": list(scopes)}
        return replace(self, key=self.admin("POST", "/v1/sys/keys", json=body)["key"])

    def with_project(self, source_ref: str, name: str) -> Client:
        """Register a project under that config."""
        dimension = {"dimension": DIMENSION}
        httpx.post(
            f"{self.url}/v1/sys/configs",
            json=CONFIG | dimension,
            headers={"authorization": f"Bearer {self.key}", "x-coco-org-id": self.org_id},
        ).raise_for_status()
        made = self.admin(
            "POST",
            "/v1/sys/register",
            json={
                "org_id": self.org_id,
                "source_ref": source_ref,
                "name": name,
                "indexing_config_id": "small",
            },
        )
        return replace(self, project_id=made["project_id"])

    def start_import(self, items: Sequence[Mapping[str, Any]], **head: Any) -> Any:
        """Send an import; returns what the service answered."""
        return self.ask("POST", "/v1/ingest/batch", json={"items": list(items), **head})

    def ended(self, job_id: str, seconds: float = 60) -> Any:
        """Return a job once it has ended."""

        def look() -> Any:
            job = self.ask("GET", f"/v1/jobs/{job_id}")
            return job if job["state"] in {"succeeded", "failed", "cancelled"} else None

        return until(look, seconds)

    def import_all(self, items: Sequence[Mapping[str, Any]], **head: Any) -> Any:
        """Import items and wait until they can be searched."""
        job = self.ended(self.start_import(items, **head)["job_id"])
        assert job["state"] == "succeeded", job
        return job

    def found(self, query: str, mode: str = "hybrid") -> list[tuple[str, float]]:
        """Return the documents that answer a query, with their scores."""
        body = {"query": query, "retrieval_config": {"retrieval_mode": mode, "top_k": 20}}
        found = self.ask("POST", "/v1/docs/query", json=body)["results"]
        return [(hit["chunk"]["doc_id"], round(hit["meta"]["score"], 5)) for hit in found]


@contextmanager
def operated(
    database_url: str, blobs: Path, log: Path, embedding: EmbeddingServer, **worker: str
) -> Iterator[Client]:
    """Run a service and a worker until the end of the block."""
    models = {"COCO_EMBED_URL": embedding.url, "COCO_EMBED_DIMENSION": str(DIMENSION)}
    environ = {"COCO_META_DB": database_url, "COCO_BLOB_URL": blobs.as_uri(), **models, **worker}
    process = WorkerProcess(log, environ)
    try:
        with api_processes(database_url, blobs, 1, **models) as (service,):
            process.wait_started()
            yield Client(service.url)
    finally:
        # What a test holds back must not keep the worker.
        embedding.gate.set()
        process.stop()


def all_rows(url: str) -> dict[str, list[str]]:
    """Return every row of every table as text, whatever policies hide."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind = 'r'"
        ).fetchall()
        found = {}
        for (name,) in names:
            table = sql.Identifier(name)
            # Rolled back at the end; the owner may always allow it to itself.
            connection.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table))
            connection.execute(sql.SQL("GRANT SELECT ON {} TO CURRENT_USER").format(table))
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(table))
            found[name] = [row[0] for row in rows.fetchall()]
        connection.rollback()
    return found


def rows_with(url: str, text: str) -> dict[str, int]:
    """Return how many rows of each table hold a text, as such or as hexadecimal bytes."""
    forms = (text, text.encode().hex())
    counted = {
        name: sum(any(form in row for form in forms) for row in rows)
        for name, rows in all_rows(url).items()
    }
    return {name: count for name, count in counted.items() if count}


def files_with(folder: Path, text: str) -> list[str]:
    """Return the files below a folder whose bytes or whose name hold a text."""
    return [
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and (text.encode() in path.read_bytes() or text in path.name)
    ]


def _data(response: httpx.Response) -> Any:
    assert response.is_success, f"{response.request.url}: {response.status_code} {response.text}"
    return response.json()["data"]
