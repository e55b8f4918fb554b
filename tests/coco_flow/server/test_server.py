"""The HTTP server over flows in memory, by real requests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import coco_flow
from coco_flow.errors import DefinitionError
from coco_flow.server.background import start_in_background
from coco_flow.setting import ServerSettings
from tests.coco_flow.engine.words_flow import words_flow
from tests.flow_parts import flow_state, rows_of
from tests.waiting import until

TOKEN = "a token for tests"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[httpx.Client]:
    with flow_state(tmp_path):
        rows_of("a")["x.txt"] = "one two\nBOOM"
        rows_of("a")["y.txt"] = "three"
        rows_of("b")["z.txt"] = "three"
        flow = words_flow("Words")

        @flow.query_handler(
            result_fields=coco_flow.QueryHandlerResultFields(embedding=["v"], score="s")
        )
        def shout(query: str, times: int = 1) -> coco_flow.QueryOutput[dict[str, Any]]:
            info = coco_flow.QueryInfo(
                embedding=[0.5], similarity_metric=coco_flow.VectorSimilarityMetric.L2_DISTANCE
            )
            return coco_flow.QueryOutput([{"text": query.upper() * times, "raw": b"x"}], info)

        @flow.query_handler()
        async def later(query: str) -> coco_flow.QueryOutput[dict[str, Any]]:
            return coco_flow.QueryOutput([{"text": query}])

        flow.setup()
        running = start_in_background(ServerSettings(address="127.0.0.1:0"), TOKEN)
        headers = {"authorization": f"Bearer {TOKEN}"}
        with httpx.Client(base_url=f"http://{running.address}", headers=headers) as client:
            until(lambda: _answers(client))
            yield client
        running.stop()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.row("VIS-2 healthz")
def test_health_needs_no_token_and_everything_else_does(server: httpx.Client) -> None:
    bare = httpx.Client(base_url=server.base_url)
    assert bare.get("/healthz").json() == {"status": "ok", "version": coco_flow.__version__}
    answer = bare.get("/api/flows")
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"
    bare.close()


@pytest.mark.row("VIS-3 inspection API")
def test_flow_schema_keys_and_every_value_of_a_row(server: httpx.Client) -> None:
    assert server.get("/api/flows").json() == ["Words"]
    assert server.post("/api/flows/Words/update").json()["stats"]["a"]["num_insertions"] == 1
    spec = server.get("/api/flows/Words").json()["flow_spec"]
    assert [source["name"] for source in spec["sources"]] == ["a", "b"]
    schema = server.get("/api/flows/Words/schema").json()["sources"][0]["schema"]
    assert [field["name"] for field in schema] == ["filename", "content", "lines", "words"]
    keys = server.get("/api/flows/Words/keys", params={"field": "a"}).json()
    assert keys == [{"filename": "y.txt"}]
    data = server.get("/api/flows/Words/data", params={"field": "a", "key": "y.txt"}).json()
    assert data["fields"]["lines"] == [{"number": 0, "text": "three", "upper": "THREE:1"}]
    assert data["collected"]["lines"] == [
        {"source": "a", "filename": "y.txt", "number": 0, "upper": "THREE:1"}
    ]
    assert data["state"]["logic_is_current"]
    assert data["state"]["targets"]["words"] == [["three"]]
    status = server.get("/api/flows/Words/rowStatus", params={"field": "a", "key": "y.txt"})
    assert status.json()["error"] is None


def test_failures_and_updates_are_listed(server: httpx.Client) -> None:
    server.post("/api/flows/Words/update")
    errors = server.get("/api/flows/Words/errors").json()
    assert [(e["source"], e["key"], e["message"]) for e in errors] == [
        ("a", ["x.txt"], "ValueError: boom!")
    ]
    stats = server.get("/api/flows/Words/stats").json()
    assert stats["rows"] == {"a": 1, "b": 1}
    assert stats["errors"] == 1
    assert stats["updates"][0]["status"] == "errors"


@pytest.mark.row("QRY-5 HTTP query")
@pytest.mark.row("LC-11 async handler")
def test_queries_by_body_and_by_url(server: httpx.Client) -> None:
    body = {"query": "hi", "times": 2}
    answer = server.post("/api/flows/Words/query/shout", json=body).json()
    assert answer["results"] == [{"text": "HIHI", "raw": {"@type": "bytes", "value": "eA=="}}]
    assert answer["query_info"] == {"embedding": [0.5], "similarity_metric": "L2Distance"}
    old = server.get("/cocoindex/api/flows/Words/queryHandlers/shout", params={"query": "hi"})
    assert old.json()["results"][0][0] == ["text", "HI"]
    later = server.post("/api/flows/Words/query/later", json={"query": "q"}).json()
    assert later["results"] == [{"text": "q"}]


def test_what_is_not_there_is_404_and_bad_arguments_are_400(server: httpx.Client) -> None:
    for path in ("/api/flows/Nope", "/api/flows/Words/queryHandlers/nope"):
        answer = server.get(path)
        assert (answer.status_code, answer.json()["error"]["code"] != "") == (404, True)
    missing = server.post("/api/flows/Words/query/shout", json={})
    assert missing.status_code == 400
    assert "needs: query" in missing.json()["error"]["message"]
    bad = server.get("/api/flows/Words/queryHandlers/shout", params={"query": "q", "times": "x"})
    assert bad.status_code == 400
    key = server.get("/api/flows/Words/data", params={"field": "a", "key": ["x", "y"]})
    assert key.status_code == 400
    gone = server.get("/api/flows/Words/data", params={"field": "a", "key": "nope"})
    assert gone.status_code == 404


@pytest.mark.row("VIS-6 safe default")
def test_an_open_address_without_a_token_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="the server has no token"):
        start_in_background(ServerSettings(address="0.0.0.0:0"))
    assert ServerSettings().address == "127.0.0.1:49344"


@pytest.mark.row("VIS-5 CORS")
def test_listed_pages_get_the_header_and_others_do_not(tmp_path: Path) -> None:
    with flow_state(tmp_path):
        settings = ServerSettings(address="127.0.0.1:0", cors_origins=["http://here.test"])
        running = start_in_background(settings)
        with httpx.Client(base_url=f"http://{running.address}") as client:
            until(lambda: _answers(client))
            here = client.get("/api/flows", headers={"origin": "http://here.test"})
            there = client.get("/api/flows", headers={"origin": "http://there.test"})
        running.stop()
    assert here.headers["access-control-allow-origin"] == "http://here.test"
    assert "access-control-allow-origin" not in there.headers
