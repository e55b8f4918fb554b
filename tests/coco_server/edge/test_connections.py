"""Connections are counted: those that only wait make room, and those that stall are let go."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import httpx
import pytest
import trustme

from tests.api_service import Org, Running, running, settings_for
from tests.coco_server.edge.conftest import PER_ADDRESS
from tests.coco_server.edge.raw import Raw, connect
from tests.postgres_server import fresh_database
from tests.waiting import until

# Far more than the buffers of both sockets hold, so that a writer has to wait for its reader.
LARGE = dict.fromkeys(map(str, range(300)), "x" * 52_000)


def _exported(org: Org) -> str:
    version, _ = org.build(LARGE)
    return f"/v1/projects/{org.project_id}/versions/{version.version_id}/chunks"


def _unread(service: Running, org: Org, path: str) -> Raw:
    """Ask for an export and read nothing of it."""
    raw = connect(service.url, receive_buffer=4_096)
    lines = "".join(f"{name}: {value}\r\n" for name, value in org.headers.items())
    raw.send(f"GET {path} HTTP/1.1\r\nhost: x\r\n{lines}\r\n".encode())
    return raw


def test_half_open_connections_make_room_for_others(service: Running) -> None:
    attackers = []
    for _ in range(3 * PER_ADDRESS):
        raw = connect(service.url)
        raw.send(b"GET / HT")
        attackers.append(raw)
    with service.client() as client:
        assert client.get("/v1/sys/health/live").is_success
    until(lambda: sum(not each.closed for each in attackers) < PER_ADDRESS)
    # The rest go by themselves, after the time that a head may take.
    until(lambda: all(_over(each) for each in attackers), 20)
    for each in attackers:
        each.close()


def _over(raw: Raw) -> bool:
    """Say whether the service has answered or closed."""
    raw.socket.setblocking(False)
    try:
        raw.socket.recv(1, socket.MSG_PEEK)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def test_whoever_is_being_served_is_not_displaced(service: Running, acme: Org) -> None:
    _, job_id = acme.build({"a": "x"})
    path = f"/v1/jobs/{job_id}/events"
    readers = [
        httpx.Client(base_url=service.url, headers=acme.headers, trust_env=False)
        for _ in range(PER_ADDRESS)
    ]
    with service.services.database.tenant(acme.org_id) as session:
        session.connection.execute("UPDATE jobs SET state = 'running' WHERE job_id = %s", (job_id,))
    streams = [each.stream("GET", path) for each in readers]
    answers = [each.__enter__() for each in streams]
    try:
        assert {each.status_code for each in answers} == {200}
        beyond = connect(service.url)
        beyond.send(b"GET /v1/sys/health/live HTTP/1.1\r\nhost: x\r\n\r\n")
        status, body = beyond.answer()
        assert (status, body["error"]["code"]) == (503, "unavailable")
    finally:
        for stream in streams:
            stream.__exit__(None, None, None)
        for each in readers:
            each.close()
        with service.services.database.tenant(acme.org_id) as session:
            session.connection.execute(
                "UPDATE jobs SET state = 'succeeded' WHERE job_id = %s", (job_id,)
            )

    def served() -> bool:
        with service.client() as client:
            return client.get("/v1/sys/health/live").is_success

    until(served)


def test_exports_that_are_not_read_end_and_keep_nothing_of_others(service: Running) -> None:
    greedy, other = service.org("Greedy").with_project(), service.org("Other").with_project()
    path, others = _exported(greedy), _exported(other)
    unread = [_unread(service, greedy, path) for _ in range(16)]
    query = {"query": "x", "retrieval_config": {"retrieval_mode": "fts"}}
    with service.client(other.headers) as client:
        assert client.post("/v1/docs/query", json=query).status_code == 200
        assert client.get(others).status_code == 200
    pool = service.services.export_database
    until(lambda: pool.statistics()["pool_available"] == pool.statistics()["pool_size"], 60)
    for each in unread:
        each.close()


def test_a_client_that_goes_away_frees_its_export(service: Running) -> None:
    org = service.org("Leaving").with_project()
    path = _exported(org)
    for _ in range(6):
        raw = _unread(service, org, path)
        assert raw.socket.recv(12) == b"HTTP/1.1 200"
        raw.close()
    with service.client(org.headers) as client:
        assert client.get(path).status_code == 200


@pytest.fixture
def encrypted(tmp_path: Path) -> dict[str, str]:
    authority = trustme.CA()
    made = authority.issue_cert("127.0.0.1")
    (tmp_path / "cert.pem").write_bytes(made.cert_chain_pems[0].bytes())
    (tmp_path / "key.pem").write_bytes(made.private_key_pem.bytes())
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return {
        "COCO_TLS_MODE": "tls",
        "COCO_TLS_CERT": str(tmp_path / "cert.pem"),
        "COCO_TLS_KEY": str(tmp_path / "key.pem"),
        "COCO_MAX_CONNECTIONS_PER_ADDRESS": "8",
        "COCO_HEAD_SECONDS": "1",
    }


def test_handshakes_are_counted_and_timed(encrypted: dict[str, str], tmp_path: Path) -> None:
    trusting = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
    with running(settings_for(fresh_database(), tmp_path, **encrypted)) as service:
        silent = [connect(service.url) for _ in range(20)]
        with httpx.Client(verify=trusting, trust_env=False) as client:
            assert client.get(service.url + "/v1/sys/health/live").is_success
        until(lambda: all(each.closed for each in silent), 20)
        for each in silent:
            each.close()
