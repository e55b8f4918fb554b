"""Reranked queries of the service: both kinds, failures, defaults, and that others do not wait."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.api_service import Org, Running, running, settings_for
from tests.cross_encoder import cross_encoder
from tests.postgres_server import fresh_database
from tests.rerank_server import RerankServer, rerank_server
from tests.waiting import until

TEXTS = {
    "pushing.md": "Pushing, pushing, and pushed again: the pushed pushes.",
    "notes.md": "The application context of a request is pushed before the view runs.",
    "stack.md": "A stack of plates is what a context resembles; pushed things fall.",
    "views.md": "A view answers a request.",
}
QUESTION = "where is the request context pushed"


@dataclass
class Reranking:
    service: Running
    org: Org
    server: RerankServer
    client: httpx.Client

    def ask(self, reranker: object = None, **body: Any) -> tuple[list[str], dict[str, Any]]:
        """Return the documents in order, and the answer's meta."""
        retrieval: dict[str, Any] = {"retrieval_mode": "fts", **body.pop("retrieval", {})}
        if reranker is not None:
            retrieval["reranker"] = reranker
        found = self.client.post(
            "/v1/docs/query", json={"query": QUESTION, "retrieval_config": retrieval, **body}
        )
        assert found.is_success, found.text
        answer = found.json()
        hits = answer["data"]["results"]
        return [hit["chunk"]["doc_id"] for hit in hits], {**answer["meta"], "hits": hits}


@pytest.fixture(scope="module")
def reranking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reranking]:
    place = tmp_path_factory.mktemp("models")
    cross_encoder(place / "tiny")
    with rerank_server() as server:
        server.score = lambda query, text: float("plates" in text)
        (place / "models.toml").write_text(
            '[rerankers.tiny]\npath = "tiny"\n[rerankers.gone]\npath = "nowhere"\n'
            f'[rerankers.far]\nurl = "{server.url}"\ntimeout_seconds = 60\n'
            f'[rerankers.quick]\nurl = "{server.url}"\ntimeout_seconds = 1\n',
            encoding="utf-8",
        )
        settings = settings_for(
            fresh_database(),
            tmp_path_factory.mktemp("blobs"),
            COCO_MODELS_FILE=str(place / "models.toml"),
            # One thread for queries, one for reranking.
            COCO_DB_CONNECTIONS="2",
        )
        with running(settings) as service:
            org = service.org("Acme").with_project()
            org.build(TEXTS)
            with service.client(org.headers) as client:
                yield Reranking(service, org, server, client)


def test_a_server_reorders(reranking: Reranking) -> None:
    first, _ = reranking.ask()
    assert first[0] != "stack.md"
    reranking.server.requests.clear()
    order, meta = reranking.ask({"model_name": "far"})
    assert order == ["stack.md", *(name for name in first if name != "stack.md")]
    assert "rerank" in meta["took_ms"]
    assert "reranked" not in (meta["notice"] or "")
    [body] = reranking.server.requests
    assert body["query"] == QUESTION
    assert f"views\n{TEXTS['views.md']}" in body["documents"]


def test_a_cross_encoder_is_blended_with_the_first_stage(reranking: Reranking) -> None:
    _, meta = reranking.ask({"model_name": "tiny"}, explain=True)
    explained = {hit["chunk"]["doc_id"]: hit["meta"]["explain"] for hit in meta["hits"]}
    read = {name: each["rerank"] for name, each in explained.items()}
    assert read["notes.md"] > 0.9 > read["stack.md"] > read["pushing.md"]
    best = max(each["first_stage"] for each in explained.values())
    blends = [(each["first_stage"] + best * each["rerank"]) / 2 for each in explained.values()]
    scores = [hit["meta"]["score"] for hit in meta["hits"]]
    assert scores == pytest.approx(blends, abs=1e-5)
    assert scores == sorted(scores, reverse=True)


def test_pages_make_one_list(reranking: Reranking) -> None:
    wanted = {"model_name": "far", "rerank_top_n": 3}
    whole, _ = reranking.ask(wanted)
    pages = [reranking.ask(wanted, retrieval={"top_k": 1, "offset": n})[0] for n in range(4)]
    assert [name for page in pages for name in page] == whole


def test_an_unknown_name_is_refused_with_the_known_ones(reranking: Reranking) -> None:
    body = {"query": "x", "retrieval_config": {"reranker": {"model_name": "tinny"}}}
    refused = reranking.client.post("/v1/docs/query", json=body)
    error = refused.json()["error"]
    assert (refused.status_code, error["code"]) == (400, "invalid_intent")
    assert "there are far, gone, quick, tiny" in error["message"]
    assert "COCO_MODELS_FILE" in error["hint"]


def test_a_model_that_fails_leaves_the_first_order_and_says_so(reranking: Reranking) -> None:
    first, _ = reranking.ask()
    order, meta = reranking.ask({"model_name": "gone"})
    assert order == first
    assert "These hits are not reranked: There is no directory" in meta["notice"]
    reranking.server.faults = [(503, {}), (503, {})]
    order, meta = reranking.ask({"model_name": "quick"})
    assert order == first
    assert "HTTP 503" in meta["notice"]


def test_an_adopted_reranker_answers_and_its_absence_is_said(reranking: Reranking) -> None:
    first, _ = reranking.ask()
    path = f"/v1/projects/{reranking.org.project_id}/defaults"
    adopted = {"query_config_id": "re", "retrieval_config": {"reranker": {"model_name": "far"}}}
    assert reranking.client.put(path, json=adopted).is_success
    order, meta = reranking.ask()
    assert (order[0], meta["query_config_id"]) == ("stack.md", "re")
    assert reranking.ask(retrieval={"reranker": None})[0] == first
    # As after a restart with another file.
    with reranking.service.services.database.system() as session:
        session.connection.execute(
            "UPDATE projects SET retrieval_config = jsonb_set(retrieval_config::jsonb, "
            "'{reranker,model_name}', '\"renamed\"') WHERE project_id = %s",
            (reranking.org.project_id,),
        )
    order, meta = reranking.ask()
    assert order == first
    assert "There is no reranker 'renamed' here" in meta["notice"]
    assert reranking.client.put(path, json={"retrieval_config": {}}).is_success


@pytest.mark.slow
def test_a_slow_reranker_keeps_nobody_from_searching(reranking: Reranking) -> None:
    first, _ = reranking.ask()
    reranking.server.requests.clear()
    reranking.server.gate.clear()
    try:
        with ThreadPoolExecutor(1) as pool:
            held = pool.submit(reranking.ask, {"model_name": "far"})
            until(lambda: reranking.server.requests)
            # The one thread for reranking is taken, and that for queries is not.
            assert reranking.ask()[0] == first
            order, meta = reranking.ask({"model_name": "quick"})
            assert order == first
            assert "The reranker 'quick' is busy with other queries" in meta["notice"]
            assert not held.done()
            reranking.server.gate.set()
            assert held.result()[0][0] == "stack.md"
    finally:
        reranking.server.gate.set()
