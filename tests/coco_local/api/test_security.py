"""Strangers, web pages and keys: who passes, who is refused, on HTTP, WebSocket and MCP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection
from websockets.sync.client import connect

from coco_core.errors import InvalidConfig
from coco_local.api.app import create_app
from coco_local.api.security import is_loopback_peer
from tests.coco_local.api.conftest import refused_socket, serve, settings_for
from tests.fake_service import FakeService, demo_service

PATHS = ["/v1/sys/health", "/v1/docs/query", "/mcp", "/metrics", "/docs", "/openapi.json", "/nope"]
KEY = "correct horse battery staple"
INITIALIZE = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


# Nothing here changes the service, so the whole module shares one daemon of each kind.
@pytest.fixture(scope="module")
def service() -> FakeService:
    return demo_service()


@pytest.fixture(scope="module")
def address(service: FakeService, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve(service, settings_for(tmp_path_factory.mktemp("home"))) as url:
        yield url


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, trust_env=False) as client:
        yield client


@pytest.fixture(scope="module")
def exposed(
    service: FakeService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    """A client of a daemon whose settings open it to the network under 192.0.2.7."""
    settings = settings_for(tmp_path_factory.mktemp("home"), host="192.0.2.7", api_key=KEY)
    with serve(service, settings) as url, httpx.Client(base_url=url, trust_env=False) as client:
        yield client


def refused(answer: httpx.Response, status: int = 403, code: str = "forbidden") -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["error"]["code"] == code
    assert answer.json()["error"]["hint"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:3456", "[::1]", "[::1]:80"])
def test_loopback_hosts_pass(client: httpx.Client, host: str) -> None:
    assert client.get("/v1/sys/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:3456",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "127.0.0.1@evil.example",
        "127.0.0.1:80:80",
        "localhost/x",
        "192.168.1.5",
        "0.0.0.0",
        "[::1",
        "",
    ],
)
def test_foreign_hosts_are_refused(client: httpx.Client, path: str, host: str) -> None:
    refused(client.get(path, headers={"host": host}))


@pytest.mark.parametrize(
    "origin",
    ["http://localhost", "http://127.0.0.1:3456", "https://localhost:8443", "http://[::1]:1"],
)
def test_pages_of_this_machine_pass(client: httpx.Client, origin: str) -> None:
    answer = client.post("/v1/docs/query", json={"query": "greet"}, headers={"origin": origin})
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path", ["/v1/docs/query", "/mcp", "/v1/projects/demo/rescan"])
@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "http://evil.example:3456",
        "http://localhost.evil.example",
        "http://evil.example#@localhost",
        "http://localhost@evil.example",
        "ftp://localhost",
        "file://",
        "null",
        "localhost",
        "http://[::1",
    ],
)
def test_foreign_pages_are_refused(client: httpx.Client, path: str, origin: str) -> None:
    refused(client.post(path, headers={"origin": origin}))


def test_a_foreign_page_cannot_hide_behind_a_second_origin(client: httpx.Client) -> None:
    headers = [("origin", "http://localhost"), ("origin", "https://evil.example")]
    refused(client.get("/v1/projects", headers=headers))


def test_a_foreign_image_tag_is_refused_and_a_followed_link_is_not(client: httpx.Client) -> None:
    foreign = {"sec-fetch-site": "cross-site"}
    refused(client.get("/v1/projects", headers={**foreign, "sec-fetch-mode": "no-cors"}))
    link = client.get("/docs", headers={**foreign, "sec-fetch-mode": "navigate"})
    assert link.status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
@pytest.mark.parametrize("path", ["/v1/docs/query", "/v1/projects/demo/rescan", "/mcp"])
def test_what_a_form_can_send_is_refused(client: httpx.Client, kind: str, path: str) -> None:
    answer = client.post(path, content=b'{"query": "x"}', headers={"content-type": kind})
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "Application/JSON"])
def test_json_by_other_spellings_is_read(client: httpx.Client, kind: str) -> None:
    answer = client.post("/v1/docs/query", content=b'{"query":"x"}', headers={"content-type": kind})
    assert answer.status_code == 200


def test_json_in_another_charset_is_refused(client: httpx.Client) -> None:
    headers = {"content-type": "application/json; charset=utf-16"}
    answer = client.post("/v1/docs/query", content=b'{"query":"x"}', headers=headers)
    refused(answer, 415, "unsupported_media_type")


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example:3456"}]
)
def test_a_foreign_websocket_is_refused(
    address: str, service: FakeService, headers: dict[str, str]
) -> None:
    headers = dict(headers)
    port = int(address.rpartition(":")[2])
    host = headers.pop("Host", f"127.0.0.1:{port}")
    url = f"ws://{host}/v1/jobs/{service.start_job().job_id}/events"
    to_this_machine = ("127.0.0.1", port)
    answer = refused_socket(url, additional_headers=headers, address=to_this_machine)
    assert answer.status_code == 403
    assert b'"forbidden"' in answer.body


# ---- a host that was opened -------------------------------------------------------------------


def test_an_opened_host_needs_a_key_in_the_settings(tmp_path: Path, service: FakeService) -> None:
    with pytest.raises(InvalidConfig, match=r"0\.0\.0\.0") as caught:
        create_app(service, settings_for(tmp_path, host="0.0.0.0"))
    assert "COCO_API_KEY" in (caught.value.hint or "")


@pytest.mark.parametrize("path", [path for path in PATHS if path != "/v1/sys/health"])
@pytest.mark.parametrize(
    "authorization",
    [None, "Bearer", "Bearer wrong", f"Basic {KEY}", f"Bearer {KEY}x", KEY],
)
def test_an_opened_host_asks_for_the_key(
    exposed: httpx.Client, path: str, authorization: str | None
) -> None:
    headers = {"host": "192.0.2.7:3456"}
    if authorization is not None:
        headers["authorization"] = authorization
    answer = exposed.get(path, headers=headers)
    refused(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert KEY not in answer.text


@pytest.mark.parametrize("host", ["192.0.2.7", "192.0.2.7:3456", "127.0.0.1", "localhost:1"])
def test_the_key_opens(exposed: httpx.Client, host: str) -> None:
    headers = {"host": host, "authorization": f"Bearer {KEY}"}
    answer = exposed.post("/v1/docs/query", json={"query": "greet"}, headers=headers)
    assert answer.status_code == 200


def test_a_key_that_is_no_ascii_is_only_wrong(exposed: httpx.Client) -> None:
    answer = exposed.get("/v1/projects", headers={b"authorization": "Bearer schlüssel".encode()})
    refused(answer, 401, "unauthorized")


def test_health_needs_no_key_but_the_right_host(exposed: httpx.Client) -> None:
    assert exposed.get("/v1/sys/health", headers={"host": "192.0.2.7"}).status_code == 200
    refused(exposed.get("/v1/sys/health", headers={"host": "evil.example"}))


def test_an_opened_host_still_refuses_foreign_pages(exposed: httpx.Client) -> None:
    headers = {"host": "192.0.2.7", "authorization": f"Bearer {KEY}"}
    refused(exposed.get("/v1/projects", headers={**headers, "origin": "https://evil.example"}))
    own = {**headers, "origin": "http://192.0.2.7:3456"}
    assert exposed.get("/v1/projects", headers=own).status_code == 200


def test_a_websocket_of_an_opened_host_needs_the_key(tmp_path: Path, service: FakeService) -> None:
    job = service.start_job()
    job.finish()
    settings = settings_for(tmp_path, host="0.0.0.0", api_key=KEY)
    with serve(service, settings) as url:
        address = f"{url.replace('http', 'ws')}/v1/jobs/{job.job_id}/events"
        assert refused_socket(address).status_code == 401
        key = {"Authorization": f"Bearer {KEY}"}
        with connect(address, additional_headers=key, proxy=None) as socket:
            assert '"succeeded"' in list(socket)[-1]


def test_mcp_passes_the_guard_with_its_own_protocol(client: httpx.Client) -> None:
    headers = {"accept": "application/json, text/event-stream"}
    answer = client.post("/mcp", json=INITIALIZE, headers=headers)
    assert answer.status_code == 200
    assert {tool["name"] for tool in answer.json()["result"]["tools"]} >= {"search", "read"}


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("192.0.2.7", False),
        ("testclient", False),
        (None, False),
    ],
)
def test_only_a_peer_on_this_machine_may_stop_the_daemon(peer: str | None, expected: bool) -> None:
    client = None if peer is None else (peer, 50_000)
    assert is_loopback_peer(HTTPConnection({"type": "http", "client": client})) is expected
