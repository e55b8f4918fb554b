from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from coco_core.errors import InvalidConfig, Unavailable
from coco_embed.http import HttpEmbedder
from tests.http_server import Handler, served
from tests.threads import broken_off


@dataclass
class EmbeddingServer:
    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    # (status, headers, body) of the next answers; then it answers properly.
    faults: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    dimension: int = 3


def vector(text: str, dimension: int) -> list[float]:
    return [float(len(text) + 1), *[2.0] * (dimension - 1)]


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    state = EmbeddingServer()

    class Embeddings(Handler):
        def respond(self) -> None:
            body = json.loads(self.read_body())
            assert self.path == "/v1/embeddings"
            state.requests.append(body)
            state.keys.append(self.headers.get("Authorization"))
            if state.faults:
                status, headers, answer = state.faults.pop(0)
            else:
                # In reverse: the protocol orders by index, not by position.
                data = [
                    {"index": index, "embedding": vector(text, state.dimension)}
                    for index, text in reversed(list(enumerate(body["input"])))
                ]
                status, headers, answer = 200, {}, json.dumps({"data": data})
            self.answer(status, answer.encode(), headers)

    with served(Embeddings) as httpd:
        state.url = f"http://127.0.0.1:{httpd.server_port}/v1"
        yield state


@pytest.fixture
def embedder(server: EmbeddingServer) -> Iterator[HttpEmbedder]:
    embedder = HttpEmbedder(base_url=server.url, model="m", dimension=3, batch_size=4)
    yield embedder
    embedder.close()


def expected(text: str) -> np.ndarray:
    row = np.array(vector(text, 3), np.float32)
    return row / np.linalg.norm(row)


def test_texts_go_in_batches_in_order(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    texts = ["x" * (number % 9) for number in range(30)]
    vectors = embedder.embed_documents(texts)
    np.testing.assert_allclose(vectors, [expected(text or " ") for text in texts], atol=1e-6)
    assert vectors.dtype == np.float32
    sent = [text for request in server.requests for text in request["input"]]
    # Nine different texts, each once; the empty one as a blank, which servers accept.
    assert sorted(sent, key=len) == sorted([" ", *["x" * n for n in range(1, 9)]], key=len)
    assert [len(request["input"]) for request in server.requests].count(4) == 2
    assert embedder.name == "m@512/3"


def test_no_text_sends_nothing(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    assert embedder.embed_documents([]).shape == (0, 3)
    assert server.requests == []


def test_a_text_above_the_window_is_cut(server: EmbeddingServer) -> None:
    embedder = HttpEmbedder(base_url=server.url, model="m", dimension=3, max_tokens=10)
    embedder.embed_query("y" * 1000)
    assert len(server.requests[0]["input"][0]) == 30
    embedder.close()


@pytest.mark.slow
def test_passing_troubles_are_waited_out(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    server.faults = [(503, {}, "starting"), (500, {}, "oops")]
    np.testing.assert_allclose(embedder.embed_documents(["abc"])[0], expected("abc"), atol=1e-6)
    assert len(server.requests) == 3


@pytest.mark.slow
def test_the_server_says_how_long_to_wait(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    server.faults = [(429, {"Retry-After": "1.5"}, "slow down")]
    began = time.monotonic()
    embedder.embed_query("abc")
    # Its own wait would be at most 0.63 s.
    assert time.monotonic() - began >= 1.5


@pytest.mark.slow
def test_a_date_in_the_past_means_at_once(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    server.faults = [(503, {"Retry-After": "Fri, 01 Jan 2021 00:00:00 GMT"}, "")]
    assert embedder.embed_query("abc").shape == (3,)


def test_a_query_gives_up_soon(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    server.faults = [(503, {}, "busy")] * 2
    with pytest.raises(Unavailable, match="HTTP 503"):
        embedder.embed_query("abc")


@pytest.mark.parametrize(
    ("status", "hint"), [(401, "key"), (404, "model's name"), (400, "runs and can be reached")]
)
def test_refusals_are_not_repeated(
    server: EmbeddingServer, embedder: HttpEmbedder, status: int, hint: str
) -> None:
    server.faults = [(status, {}, "no")]
    with pytest.raises(Unavailable, match=f"HTTP {status}") as caught:
        embedder.embed_documents(["abc"])
    assert hint in str(caught.value.hint)
    assert len(server.requests) == 1


def test_a_wrong_dimension_is_refused(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    server.dimension = 5
    with pytest.raises(InvalidConfig, match="not of dimension 3"):
        embedder.embed_documents(["abc"])


@pytest.mark.parametrize(
    "body",
    [
        "not json",
        "[]",
        "{}",
        '{"data": []}',
        '{"data": [{"index": 1, "embedding": [1, 2, 3]}]}',
        '{"data": [{"index": 0, "embedding": "AAAA"}]}',
        '{"data": [{"index": 0, "embedding": [0, 0, 0]}]}',
        '{"data": [{"index": 0, "embedding": [1, NaN, 0]}]}',
        '{"data": [null]}',
    ],
)
def test_an_answer_that_makes_no_sense_is_reported(
    server: EmbeddingServer, embedder: HttpEmbedder, body: str
) -> None:
    server.faults = [(200, {}, body)]
    with pytest.raises(Unavailable, match=r"cannot be used|without direction"):
        embedder.embed_query("abc")


@pytest.mark.slow
def test_an_unreachable_server_is_reported() -> None:
    embedder = HttpEmbedder(base_url="http://127.0.0.1:9/v1", model="m", dimension=3)
    with pytest.raises(Unavailable, match="ConnectError"):
        embedder.embed_query("abc")
    embedder.close()


def test_the_key_is_in_a_variable(server: EmbeddingServer, monkeypatch: pytest.MonkeyPatch) -> None:
    embedder = HttpEmbedder(base_url=server.url, model="m", dimension=3, api_key_env="EMBED_KEY")
    monkeypatch.delenv("EMBED_KEY", raising=False)
    with pytest.raises(InvalidConfig, match="EMBED_KEY is not set"):
        embedder.embed_query("abc")
    monkeypatch.setenv("EMBED_KEY", "secret")
    embedder.embed_query("abc")
    assert server.keys == ["Bearer secret"]
    embedder.close()


def test_closing_ends_a_wait_for_a_server(server: EmbeddingServer, embedder: HttpEmbedder) -> None:
    server.faults = [(503, {"Retry-After": "50"}, "busy")] * 9
    with broken_off(lambda: embedder.embed_documents(["abc"])) as thread:
        while not server.requests:
            assert thread.is_alive()
        embedder.close()
    with pytest.raises(Unavailable, match="closed"):
        embedder.embed_query("abc")


@pytest.mark.parametrize("wrong", [{"base_url": "host/v1"}, {"dimension": 0}, {"batch_size": 0}])
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidConfig):
        HttpEmbedder(**{"base_url": "http://h/v1", "model": "m", "dimension": 3, **wrong})
