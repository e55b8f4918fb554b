"""Heads and bodies have limits of size and of time, before any key was seen."""

from __future__ import annotations

import pytest

from tests.api_service import Running
from tests.coco_server.edge.raw import Raw, connect
from tests.waiting import until

PIECE = b"x" * 4_096
LIVE = b"GET /v1/sys/health/live HTTP/1.1\r\nhost: x\r\n"
CHUNKED = b"POST /v1/docs/query HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"

# Twice the limit of a head, and what the sockets of both sides hold.
MOST_PIECES = 2_048


def _send_without_end(raw: Raw, piece: bytes) -> int:
    """Send until the service stops reading; return how many pieces it took."""
    for count in range(MOST_PIECES):
        if raw.closed or not raw.send(piece):
            return count
    raise AssertionError("the service reads without an end")


@pytest.mark.parametrize(
    ("begin", "piece"),
    [
        (b"GET /", PIECE),
        (b"GET / HTTP/1.1\r\nx-endless: ", PIECE),
        (b"GET / HTTP/1.1\r\n", PIECE),
        (b"GET / HTTP/1.1\r\n", b"x-many: " + PIECE + b"\r\n"),
        (b"", b"\r\n" * 2_048),
        (CHUNKED + b"1;", PIECE),
        (CHUNKED + b"0\r\nx-trailer: ", PIECE),
        (CHUNKED + b"0\r\n", b"x-trailer: " + PIECE + b"\r\n"),
    ],
    ids=["target", "value", "name", "headers", "lines", "extension", "trailer", "trailers"],
)
def test_what_has_no_end_is_not_read_without_an_end(
    service: Running, begin: bytes, piece: bytes
) -> None:
    raw = connect(service.url)
    assert raw.send(begin)
    _send_without_end(raw, piece)
    raw.close()
    with service.client() as client:
        assert client.get("/v1/sys/health/live").is_success


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\nhost: x\r\n\r\n",
        LIVE + b"x-large: " + b"x" * 70_000 + b"\r\n\r\n",
        LIVE + b"".join(b"x-%d: y\r\n" % number for number in range(101)) + b"\r\n",
    ],
    ids=["target", "header", "count"],
)
def test_a_head_that_is_too_large_is_refused_with_431(service: Running, head: bytes) -> None:
    raw = connect(service.url)
    raw.send(head)
    status, body = raw.answer()
    assert status == 431
    assert body["error"]["code"] == "head_too_large"
    assert body["error"]["details"] == {"limit_bytes": 65_536, "limit": 100}


def test_a_head_within_the_limits_is_served(service: Running) -> None:
    raw = connect(service.url)
    many = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 700) for number in range(90))
    raw.send(LIVE + many + b"connection: close\r\n\r\n")
    status, body = raw.answer()
    assert (status, body["data"]["signature"]) == (200, "coco")


def test_requests_sent_ahead_are_answered_one_after_the_other(service: Running) -> None:
    raw = connect(service.url)
    raw.send((LIVE + b"\r\n") * 9 + LIVE + b"connection: close\r\n\r\n")
    assert raw.rest().count(b"HTTP/1.1 200 OK") == 10


def test_requests_are_not_kept_without_an_end(service: Running) -> None:
    raw = connect(service.url)
    _send_without_end(raw, (LIVE + b"\r\n") * 100)
    raw.close()
    with service.client() as client:
        assert client.get("/v1/sys/health/live").is_success


def test_no_refusal_is_taken_for_the_answer_to_a_request_before(service: Running) -> None:
    raw = connect(service.url)
    raw.send((LIVE + b"\r\n") * 2 + b"\0\0\r\n\r\n")
    assert b"HTTP/1.1 4" not in raw.rest()


def test_what_is_no_http_is_refused_in_the_one_format(service: Running) -> None:
    raw = connect(service.url)
    raw.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
    status, body = raw.answer()
    assert (status, body["error"]["code"]) == (400, "invalid_input")


@pytest.mark.parametrize("begin", [b"GET", LIVE, b"\r\n"], ids=["line", "headers", "empty"])
def test_half_a_head_gets_408(service: Running, begin: bytes) -> None:
    raw = connect(service.url)
    raw.send(begin)
    status, body = raw.answer()
    assert (status, body["error"]["code"]) == (408, "request_timeout")


def test_a_head_that_comes_byte_by_byte_gets_no_longer(service: Running) -> None:
    raw = connect(service.url)

    def refused() -> bool:
        raw.send(b"G")
        return raw.closed or raw.socket.recv(1, 0x42) != b""  # MSG_PEEK and MSG_DONTWAIT

    def told() -> bool:
        try:
            return refused()
        except BlockingIOError:
            return False

    until(told, 15)
    raw.close()


def test_half_a_body_gets_408(service: Running) -> None:
    # Nothing is read of a body before the key is known.
    org = service.org("Halting").with_project()
    raw = connect(service.url)
    lines = [f"{name}: {value}\r\n".encode() for name, value in org.headers.items()]
    raw.send(
        b"POST /v1/docs/import HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-ndjson\r\n"
        + b"".join(lines)
        + b"content-length: 1000\r\n\r\n{"
    )
    status, body = raw.answer()
    assert (status, body["error"]["code"]) == (408, "request_timeout")


def test_a_body_after_a_refusal_is_not_read_for_long(service: Running) -> None:
    raw = connect(service.url)
    raw.send(b"POST /v1/docs/query HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n")

    def let_go() -> bool:
        return not raw.send(b"x") or raw.closed

    until(lambda: raw.socket.recv(1, 2) == b"H", 10)
    assert raw.socket.recv(20).startswith(b"HTTP/1.1 401")
    until(let_go, 40)
    raw.close()


def test_an_idle_connection_is_closed(service: Running) -> None:
    raw = connect(service.url)
    raw.send(LIVE + b"\r\n")
    assert raw.rest().startswith(b"HTTP/1.1 200")


def test_a_pipelined_head_waits_for_the_answer_before_it(service: Running) -> None:
    raw = connect(service.url)
    raw.send(LIVE + b"\r\n" + LIVE + b"connection: close\r\n\r\n")
    assert raw.rest().count(b"HTTP/1.1 200") == 2
