"""Rerankers behind HTTP: the forms that servers speak, and every way in which one can fail."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from coco_core.errors import InvalidConfig, Unavailable
from coco_embed.reranking.registered import RegisteredReranker
from coco_embed.reranking.server import ServerReranker
from tests.rerank_server import Form, RerankServer, rerank_server

QUESTION = "push the request"
TEXTS = ["the stack", "push the request here", "request", "nothing"]
EXPECTED = [1 / 3, 1.0, 1 / 3, 0.0]


@pytest.fixture
def server() -> Iterator[RerankServer]:
    with rerank_server() as running:
        yield running


def opened(url: str, **fields: object) -> ServerReranker:
    return ServerReranker(RegisteredReranker("far", "config.toml:1", url=url, **fields))  # type: ignore[arg-type]  # of mixed types


@pytest.fixture
def reranker(server: RerankServer) -> Iterator[ServerReranker]:
    made = opened(server.url, model="their-name")
    yield made
    made.close()


def test_scores_come_in_the_order_of_the_texts(
    server: RerankServer, reranker: ServerReranker
) -> None:
    np.testing.assert_allclose(reranker.score(QUESTION, TEXTS, seconds=60), EXPECTED, atol=1e-6)
    assert server.requests == [{"model": "their-name", "query": QUESTION, "documents": TEXTS}]


@pytest.mark.parametrize("form", ["texts", "data"])
def test_each_form_of_the_protocol_is_understood(form: Form) -> None:
    with rerank_server(form) as server:
        reranker = opened(server.url)
        for _ in range(2):
            found = reranker.score(QUESTION, TEXTS, seconds=60)
            np.testing.assert_allclose(found, EXPECTED, atol=1e-6)
        reranker.close()
        # Which form it is is asked once.
        assert len(server.requests) == (3 if form == "texts" else 2)
        if form == "texts":
            assert server.requests[-1] == {"query": QUESTION, "texts": TEXTS, "truncate": True}


def test_scores_that_are_no_shares_are_brought_to_them() -> None:
    with rerank_server("logits") as server:
        reranker = opened(server.url)
        found = reranker.score(QUESTION, TEXTS, seconds=60)
        reranker.close()
    assert found[1] > 0.99 > 0.5 > found[0] == found[2] > found[3]
    assert ((found >= 0) & (found <= 1)).all()


def test_many_texts_go_in_several_requests(server: RerankServer, reranker: ServerReranker) -> None:
    texts = [f"push {number}" for number in range(69)] + ["push the request"]
    found = reranker.score(QUESTION, texts, seconds=60)
    assert (len(found), found.argmax()) == (70, 69)
    assert [len(each["documents"]) for each in server.requests] == [32, 32, 6]


def test_texts_are_cut_to_the_window_and_none_is_empty(server: RerankServer) -> None:
    reranker = opened(server.url, max_tokens=20)
    reranker.score("q" * 1000, ["x" * 1000, " ", "\ud800"], seconds=60)
    reranker.close()
    [body] = server.requests
    assert (len(body["query"]), len(body["documents"][0])) == (30, 30)
    assert body["documents"][1:] == ["-", "\ufffd"]


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "key"), (404, "model's name"), (413, "runs and can be reached")]
)
def test_a_refusal_is_not_repeated(
    server: RerankServer, reranker: ServerReranker, status: int, hint: str
) -> None:
    server.faults = [(status, {"error": "no"})]
    with pytest.raises(Unavailable, match=f"reranking server .*HTTP {status}") as caught:
        reranker.score(QUESTION, TEXTS, seconds=60)
    assert hint in str(caught.value.hint)
    assert len(server.requests) == 1


def test_of_two_refused_forms_the_first_is_reported(
    server: RerankServer, reranker: ServerReranker
) -> None:
    server.faults = [(400, {"error": "no such model"}), (400, {"error": "missing documents"})]
    with pytest.raises(Unavailable, match="no such model"):
        reranker.score(QUESTION, TEXTS, seconds=60)
    assert reranker.score(QUESTION, TEXTS, seconds=60).argmax() == 1


@pytest.mark.slow
def test_a_passing_trouble_is_waited_out(server: RerankServer, reranker: ServerReranker) -> None:
    server.faults = [(503, {})]
    assert reranker.score(QUESTION, TEXTS, seconds=60).argmax() == 1


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"not json", "cannot be used"),
        (b"[" * 100_000, "cannot be used"),
        ([], "0 scores for 4"),
        ({}, "no list of results"),
        ({"results": None}, "no list of results"),
        ({"results": [3]}, "a result is 3"),
        ({"results": [{"index": 4, "relevance_score": 1}]}, "index of a result is 4, of 4"),
        ({"results": [{"index": -1, "relevance_score": 1}]}, "index of a result is -1"),
        ({"results": [{"index": True, "relevance_score": 1}]}, "index of a result is True"),
        ({"results": [{"relevance_score": 1}]}, "index of a result is None"),
        ({"results": [{"index": 0}]}, "score of text 0 is None"),
        ({"results": [{"index": 0, "relevance_score": "1"}]}, "score of text 0 is '1'"),
        (b'[{"index": 0, "score": NaN}]', "is no number"),
        ([{"index": 0, "score": 1}, {"index": 0, "score": 1}], "index 0 comes twice"),
        ([{"index": place, "score": 1} for place in range(3)], "3 scores for 4"),
    ],
)
def test_an_answer_that_makes_no_sense_is_reported(
    server: RerankServer, reranker: ServerReranker, body: object, problem: str
) -> None:
    server.faults = [(200, body)]
    with pytest.raises(Unavailable, match=problem) as caught:
        reranker.score(QUESTION, TEXTS, seconds=60)
    assert "cannot be used" in caught.value.message
    assert "/rerank route" in str(caught.value.hint)


def test_a_slow_server_is_given_up(server: RerankServer, reranker: ServerReranker) -> None:
    server.gate.clear()
    with pytest.raises(Unavailable, match="ReadTimeout"):
        reranker.score(QUESTION, TEXTS, seconds=0.2)
    server.gate.set()
    assert reranker.score(QUESTION, TEXTS, seconds=60).argmax() == 1


def test_no_request_is_made_without_time(server: RerankServer, reranker: ServerReranker) -> None:
    with pytest.raises(Unavailable, match="no time left"):
        reranker.score(QUESTION, TEXTS, seconds=0)
    assert server.requests == []


def test_the_key_is_in_a_variable(server: RerankServer, monkeypatch: pytest.MonkeyPatch) -> None:
    reranker = opened(server.url, api_key_env="RERANK_KEY")
    monkeypatch.delenv("RERANK_KEY", raising=False)
    with pytest.raises(InvalidConfig, match="reranking server needs a key, but RERANK_KEY"):
        reranker.score(QUESTION, TEXTS, seconds=60)
    monkeypatch.setenv("RERANK_KEY", "secret")
    reranker.score(QUESTION, TEXTS, seconds=60)
    assert server.keys == ["Bearer secret"]
    reranker.close()


def test_a_closed_reranker_says_so(reranker: ServerReranker) -> None:
    reranker.close()
    with pytest.raises(Unavailable, match="closed"):
        reranker.score(QUESTION, TEXTS, seconds=60)
