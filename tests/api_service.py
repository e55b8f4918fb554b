"""The API service in this process on a real socket, over a real database; and orgs that use it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import structlog

from coco_core.configs import EmbeddingConfig, IndexingConfig
from coco_core.plan import IndexingPlan
from coco_protocol.server.tenants import KeyScope
from coco_server.api.server import build_server
from coco_server.api.services import Services, build_services
from coco_server.dev.children import free_port, spawn, stop
from coco_server.jobs import queue
from coco_server.jobs.payload import IngestPayload
from coco_server.settings import Settings, load_settings
from coco_server.store import chunks, keys, orgs, sealing, versions
from coco_server.store.versions import Version
from tests.app_server import serve_on
from tests.coco_server.tenants import register_project, rows
from tests.waiting import until

ADMIN_KEY = "admin-key-of-the-tests"

# Of most keys.
SCOPES = ("query", "ingest", "manage", "memo")

CONFIG = IndexingConfig("small", embedding=EmbeddingConfig(model_name="hashing", max_tokens=64))


def settings_for(database_url: str, blobs: Path, **environ: str) -> Settings:
    """Return settings of a service on loopback."""
    return load_settings(
        {"host": "127.0.0.1"},
        environ={
            "COCO_META_DB": database_url,
            "COCO_BLOB_URL": blobs.as_uri(),
            "COCO_ADMIN_KEY": ADMIN_KEY,
            "COCO_OFFLINE": "1",
            "COCO_RATE_LIMIT_PER_MIN": "1000000",
            "COCO_RATE_LIMIT_BURST": "1000000",
            "COCO_WRONG_KEYS_PER_MIN": "1000000",
            **environ,
        },
        insecure_dev="COCO_TLS_MODE" not in environ,
    )


@dataclass(frozen=True)
class Org:
    """An org with a key, as a client of the service knows it."""

    services: Services
    org_id: str
    key: str
    project_id: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {
            "authorization": f"Bearer {self.key}",
            "x-coco-org-id": self.org_id,
            "x-coco-user-id": "user_1",
            "x-coco-project-id": self.project_id,
        }

    def with_project(self, source_ref: str = "kb:one") -> Org:
        """Register a project with the config `CONFIG`."""
        with self.services.database.tenant(self.org_id) as session:
            made = register_project(session, CONFIG, source_ref=source_ref)
        return replace(self, project_id=made.project_id)

    def with_key(self, *scopes: KeyScope, projects: Sequence[str] = ()) -> Org:
        """Return the same org as the holder of another key sees it."""
        with self.services.database.system() as session:
            made = keys.create(session, self.org_id, "other", scopes, projects=projects)
        return replace(self, key=made.text)

    def build(
        self,
        texts: Mapping[str, str],
        *,
        activate: bool = True,
        allow: Mapping[str, tuple[str, ...]] | None = None,
    ) -> tuple[Version, str]:
        """Build a version of these documents, as a worker does; returns it and its job's id."""
        services = self.services
        body = b"[]"
        ref = services.blobs.put_bytes(self.org_id, "json", body).ref
        payload = IngestPayload(ref, "json", IndexingPlan(config=CONFIG))
        with services.database.tenant(self.org_id) as session:
            version = versions.create(session, self.project_id, CONFIG.config_id)
            queue.enqueue(
                session,
                project_id=self.project_id,
                kind="ingest",
                payload=payload.to_dict(),
                version_id=version.version_id,
                # Before the jobs that other tests have left waiting.
                priority=100,
            )
        with services.database.system() as session:
            held = queue.claim(session, "test", most_per_org=1000)
        assert held is not None
        assert held.version_id == version.version_id
        with services.database.tenant(self.org_id) as session:
            chunks.append(session, version, *rows(texts, allow), items=len(texts))
            sealed = sealing.seal(session, version)
            if activate:
                sealed = versions.activate(session, self.project_id, version.version_id)
            queue.finish(session, held, {"chunks": len(texts)})
        return sealed, held.job_id


@dataclass(frozen=True)
class Running:
    url: str
    services: Services

    def org(self, name: str, scopes: tuple[str, ...] = SCOPES,
            **limits: int) -> Org:  # fmt: skip
        with self.services.database.system() as session:
            org = orgs.create(session, name, limits=limits)
            key = keys.create(session, org.org_id, "test", scopes)
        return Org(self.services, org.org_id, key.text)

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers=headers, timeout=30, trust_env=False)

    @property
    def admin(self) -> dict[str, str]:
        return {"authorization": f"Bearer {ADMIN_KEY}"}


@contextmanager
def running(settings: Settings) -> Iterator[Running]:
    """Serve until the end of the block; the address is answered from the first moment on."""
    # A line for each request would hide what pytest says.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    services = build_services(settings)
    server = build_server(settings, services)
    server.config.timeout_graceful_shutdown = 2
    scheme = "https" if settings.tls_mode == "tls" else "http"
    with serve_on(server) as port:
        try:
            yield Running(f"{scheme}://127.0.0.1:{port}", services)
        finally:
            services.stopping = True
    structlog.reset_defaults()


@dataclass(frozen=True)
class ApiProcess:
    """A service in a process of its own."""

    url: str
    pid: int


@contextmanager
def api_processes(
    database_url: str, blobs: Path, count: int, **more: str
) -> Iterator[list[ApiProcess]]:
    """Run `coco-server serve` several times; yields them once all answer."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COCO_")}
    environ |= {
        "COCO_META_DB": database_url,
        "COCO_BLOB_URL": blobs.as_uri(),
        "COCO_ADMIN_KEY": ADMIN_KEY,
        "COCO_DB_CONNECTIONS": "8",
        "COCO_DRAIN_SECONDS": "0",
        "COCO_LOG_LEVEL": "warning",
        **more,
    }
    command = [sys.executable, "-m", "coco_server.cli", "serve", "--insecure-dev",
               "--host", "127.0.0.1", "--port"]  # fmt: skip
    ports = [free_port() for _ in range(count)]
    processes = [spawn([*command, str(port)], environ=environ) for port in ports]
    urls = [f"http://127.0.0.1:{port}" for port in ports]

    def all_answer() -> bool:
        assert all(each.poll() is None for each in processes), "a service has ended"
        try:
            return all(httpx.get(f"{url}/v1/sys/health/ready").is_success for url in urls)
        except httpx.TransportError:
            return False

    try:
        until(all_answer, 90)
        yield [ApiProcess(url, each.pid) for url, each in zip(urls, processes, strict=True)]
    finally:
        for each in processes:
            each.terminate()
        for each in processes:
            assert stop(each) in {0, -15}
