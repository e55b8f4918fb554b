"""Spans name routes and ids; a first key comes from the environment."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import ClassVar

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.testclient import TestClient

from coco_server.api.app import create_app
from coco_server.api.services import build_services
from coco_server.api.spans import trace_with
from coco_server.api.tracing import add_tracing
from coco_server.domain.bootstrap import BOOTSTRAP_ORG, bootstrap
from coco_server.store import keys
from tests.api_service import settings_for
from tests.http_server import Handler, served
from tests.postgres_server import fresh_database

FIRST_KEY = "a-first-key-of-our-own"


@pytest.fixture(scope="module")
def database_url() -> str:
    return fresh_database()


def test_a_span_names_the_route_and_whose_request_it_was(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path, COCO_API_KEY=FIRST_KEY)
    bootstrap(settings)
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    app = create_app(build_services(settings))
    trace_with(app, provider)
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {
        "authorization": f"Bearer {FIRST_KEY}",
        "x-coco-org-id": BOOTSTRAP_ORG,
        "x-coco-user-id": "u",
        "x-coco-project-id": "prj_secret",
        "traceparent": f"00-{trace}-b7ad6b7169203331-01",
    }
    with TestClient(app) as client:
        assert client.get("/v1/jobs/job_secret", headers=headers).status_code == 404
        (span,) = exporter.get_finished_spans()
    assert span.name == "GET /v1/jobs/{job_id}"
    assert span.attributes is not None
    assert span.attributes["coco.org_id"] == BOOTSTRAP_ORG
    assert span.attributes["http.response.status_code"] == 404
    assert f"{span.context.trace_id:032x}" == trace
    assert "job_secret" not in str(dict(span.attributes))


class Collector(Handler):
    received: ClassVar[list[tuple[str, bytes]]] = []

    def respond(self) -> None:
        self.received.append((self.path, self.read_body()))
        self.answer(200)


def test_spans_reach_a_collector_before_the_end(database_url: str, tmp_path: Path) -> None:
    app = create_app(build_services(settings_for(database_url, tmp_path)))
    with served(Collector) as collector:
        add_tracing(app, f"http://127.0.0.1:{collector.server_port}")
        with TestClient(app) as client:
            assert client.get("/v1/sys/health/live").status_code == 200
    sent = b"".join(body for path, body in Collector.received if path == "/v1/traces")
    if sent.startswith(b"\x1f\x8b"):
        sent = gzip.decompress(sent)
    assert b"GET /v1/sys/health/live" in sent
    assert b"coco-server" in sent


def test_the_first_key_is_made_once(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path, COCO_API_KEY=FIRST_KEY)
    for _ in range(2):
        bootstrap(settings)
    services = build_services(settings)
    with services.database.open() as database, database.system() as session:
        row = session.connection.execute("SELECT count(*), min(prefix) FROM api_keys").fetchone()
        assert row is not None
        assert row[0] == 1
        assert FIRST_KEY not in row[1]
        found = keys.verify(session, FIRST_KEY)
    assert found is not None
    assert found.org_id == BOOTSTRAP_ORG
