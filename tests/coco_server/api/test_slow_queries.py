"""Queries that take long: they end at their limit, or when their caller leaves."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from tests.api_service import Org, Running, running, settings_for
from tests.postgres_server import fresh_database, running_postgres
from tests.waiting import until


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    settings = settings_for(
        fresh_database(),
        tmp_path_factory.mktemp("blobs"),
        COCO_DB_CONNECTIONS="2",
        COCO_QUERY_TIMEOUT_SECONDS="3600",
    )
    with running(settings) as found:
        yield found


@pytest.fixture
def blocked(service: Running) -> Iterator[tuple[Org, psycopg.Connection]]:
    """An org whose queries wait for a lock, and the connection that holds it."""
    org = service.org("Slow").with_project()
    version, _ = org.build({"a": "some text"})
    name = service.services.database.url.rpartition("/")[2]
    with psycopg.connect(running_postgres().superuser_url(name)) as holder:
        table = sql.Identifier(f"source_chunks_{version.version_no}")
        holder.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
        yield org, holder


def waiting(holder: psycopg.Connection) -> int:
    row = holder.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' "
        "AND datname = current_database()"
    ).fetchone()
    assert row is not None
    return int(row[0])


def send_query(org: Org, url: str) -> socket.socket:
    """Ask, and do not wait for the answer."""
    body = json.dumps({"query": "some text", "filters": {"include": ["a"]}}).encode()
    address = urlsplit(url)
    lines = [
        "POST /v1/docs/query HTTP/1.1",
        f"host: {address.netloc}",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in org.headers.items()),
    ]
    assert address.hostname is not None
    found = socket.create_connection((address.hostname, address.port))
    found.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return found


def test_the_query_of_a_client_that_leaves_is_cancelled(
    service: Running, blocked: tuple[Org, psycopg.Connection]
) -> None:
    org, holder = blocked
    client = send_query(org, service.url)
    until(lambda: waiting(holder) == 1)
    client.close()
    # With a limit of an hour, nothing else ends it.
    until(lambda: waiting(holder) == 0)
    holder.rollback()
    # The only thread and connection for queries serve the next one.
    with service.client(org.headers) as next_client:
        assert next_client.post("/v1/docs/query", json={"query": "some text"}).is_success


def test_keys_are_checked_while_queries_take_every_thread(
    service: Running, blocked: tuple[Org, psycopg.Connection]
) -> None:
    org, holder = blocked
    client = send_query(org, service.url)
    until(lambda: waiting(holder) == 1)
    with service.client(org.headers | {"authorization": "Bearer wrong"}) as other:
        assert other.post("/v1/docs/query", json={"query": "x"}).status_code == 401
    client.close()
    until(lambda: waiting(holder) == 0)


def test_a_query_over_its_limit_is_refused_and_stopped(tmp_path: Path) -> None:
    settings = settings_for(fresh_database(), tmp_path, COCO_QUERY_TIMEOUT_SECONDS="1")
    with running(settings) as service:
        org = service.org("Slow").with_project()
        version, _ = org.build({"a": "some text"})
        name = service.services.database.url.rpartition("/")[2]
        with (
            psycopg.connect(running_postgres().superuser_url(name)) as holder,
            service.client(org.headers) as client,
        ):
            table = sql.Identifier(f"source_chunks_{version.version_no}")
            holder.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(table))
            answer = client.post("/v1/docs/query", json={"query": "some text"})
            assert answer.status_code == 503
            assert answer.json()["error"]["code"] == "query_timeout"
            assert answer.json()["error"]["details"] == {"timeout_seconds": 1}
            assert "retry-after" not in answer.headers
            assert waiting(holder) == 0
