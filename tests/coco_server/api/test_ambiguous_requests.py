"""What a request says twice, with spaces around it, or as a place in a list that does not exist."""

from __future__ import annotations

import httpx
import pytest

from tests.api_service import Org, Running
from tests.coco_server.edge.raw import connect


@pytest.mark.parametrize(
    "path",
    [
        "/v1/docs/documents?limit=1&limit=2",
        "/v1/docs/documents?prefix=&prefix=a",
        "/v1/jobs?limit=1&%6cimit=2",
        "/v1/sys/audit?cursor=aud_1&cursor=aud_2",
        "/v1/sys/health?a=1&a=1",
    ],
)
def test_a_query_parameter_is_sent_once(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert "more than once" in error["message"]
    assert error["hint"] == "Send it once."


def test_an_upload_says_its_options_once(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/ingest/batch?activate=false&activate=true",
        content=b'{"doc_id": "a", "content": "b"}\n',
        headers={"content-type": "application/x-ndjson"},
    )
    assert answer.status_code == 400, answer.text
    assert "'activate'" in answer.json()["error"]["message"]


@pytest.mark.parametrize("name", ["x-coco-org-id", "x-coco-user-id", "x-coco-project-id"])
@pytest.mark.parametrize("space", [" ", "\t", " \t "])
def test_spaces_around_a_header_are_no_part_of_it(
    service: Running, acme: Org, name: str, space: str
) -> None:
    headers = {**acme.headers, name: f"{space}{acme.headers[name]}{space}", "host": "coco"}
    headers["connection"] = "close"
    lines = "".join(f"{each}: {value}\r\n" for each, value in headers.items())
    raw = connect(service.url)
    raw.send(f"GET /v1/docs/documents HTTP/1.1\r\n{lines}\r\n".encode())
    status, body = raw.answer()
    assert status == 200, body


@pytest.mark.parametrize("before", ["garbage", "memo_", "memo_" + "z" * 27, "MEMO_" + "0" * 26])
def test_a_place_in_the_list_of_memos_that_no_page_gave(client: httpx.Client, before: str) -> None:
    answer = client.get(
        "/v1/memo", params={"before": before}, headers={"x-coco-session-token": "none"}
    )
    assert answer.status_code == 400, answer.text
    assert "before" in answer.text
