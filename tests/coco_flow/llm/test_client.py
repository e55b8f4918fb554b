"""Clients of a scripted server: retries, failures, batches and connections."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import numpy as np
import pytest

from coco_core.errors import InvalidInput, RateLimited, Unauthorized, Unavailable, Unreadable
from coco_flow.llm import LlmApiType, RequestLimits, set_request_limits
from coco_flow.llm.client import EmbeddingClient
from tests.coco_flow.llm.calls import FAST, embedding
from tests.embedding_server import hashing
from tests.llm_server import LlmServer
from tests.waiting import until

pytestmark = pytest.mark.usefixtures("fast_retries")


@pytest.mark.row("FN-10 retry")
@pytest.mark.row("ERR-4 retryable set")
@pytest.mark.parametrize("status", [429, 502, 503, 504, 529])
def test_a_refusal_that_passes_is_tried_again(server: LlmServer, status: int) -> None:
    server.fail(status, times=2)
    assert len(asyncio.run(embedding(server).embed(["a"]))) == 1
    assert len(server.received) == 3


@pytest.mark.row("FN-10 retry")
@pytest.mark.row("ERR-4 retryable set")
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, InvalidInput),
        (413, InvalidInput),
    ],
)
def test_a_refusal_that_lasts_fails_immediately(
    server: LlmServer, status: int, kind: type[Exception]
) -> None:
    server.fail(status, body={"error": {"message": "no, because"}})
    with pytest.raises(kind, match=rf"OpenAI at http://127.* HTTP {status}: 'no, because'"):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 1


@pytest.mark.row("ERR-4 retryable set")
def test_a_connection_that_breaks_is_tried_again(server: LlmServer) -> None:
    server.reset(2)
    assert len(asyncio.run(embedding(server).embed(["a"]))) == 1
    assert len(server.received) == 3


@pytest.mark.row("ERR-4 retryable set")
def test_an_answer_that_does_not_come_is_tried_again(server: LlmServer) -> None:
    limits = RequestLimits(timeout=0.05, retry=FAST.retry)
    set_request_limits(LlmApiType.OPENAI, limits)
    client = embedding(server)
    server.gate.clear()

    async def main() -> Any:
        work = asyncio.create_task(client.embed(["a"]))
        await asyncio.to_thread(until, lambda: len(server.received) >= 3)
        server.gate.set()
        return await work

    assert len(asyncio.run(main())) == 1


def test_a_server_that_fails_is_tried_three_times(server: LlmServer) -> None:
    server.fail(500, times=9)
    with pytest.raises(Unavailable, match="HTTP 500"):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 3


def test_a_server_that_is_not_there_is_tried_three_times() -> None:
    client = EmbeddingClient(LlmApiType.OLLAMA, "m", address="http://127.0.0.1:9")
    with pytest.raises(Unavailable, match=r"Ollama at http://127.0.0.1:9.*Is the server at"):
        asyncio.run(client.embed(["a"]))


def test_a_used_up_quota_is_not_waited_for(server: LlmServer) -> None:
    server.fail(429, times=5, body={"error": {"code": "insufficient_quota", "message": "pay"}})
    with pytest.raises(RateLimited, match="pay"):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "header", [{"retry-after": "0"}, {"retry-after-ms": "1"}, {"retry-after": "soon"}]
)
def test_what_a_server_asks_for_is_read(server: LlmServer, header: dict[str, str]) -> None:
    server.fail(429, headers=header)
    asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 2


def test_a_server_that_asks_for_more_time_than_there_is(server: LlmServer) -> None:
    server.fail(429, headers={"retry-after": "Fri, 31 Dec 2999 23:59:59 GMT"})
    with pytest.raises(RateLimited):
        asyncio.run(embedding(server).embed(["a"]))
    assert len(server.received) == 1


def test_an_answer_that_is_no_json(server: LlmServer) -> None:
    server.fail(200, times=3, body=b"<html>")
    with pytest.raises(Unavailable, match="something else than JSON: '<html>'"):
        asyncio.run(embedding(server).embed(["a"]))


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({"data": []}, "sent 0 vectors of 'some-model' for 1 texts"),
        ({"data": [{"embedding": ["x"]}]}, "not numbers"),
        ({"data": [{"embedding": [[1.0]]}]}, "shape"),
        ({"nothing": 1}, "without the expected fields"),
    ],
)
def test_an_answer_of_another_shape(server: LlmServer, body: Any, problem: str) -> None:
    server.fail(200, body=body)
    with pytest.raises(Unreadable, match=problem):
        asyncio.run(embedding(server).embed(["a"]))


def test_many_texts_are_sent_in_parallel_batches(server: LlmServer) -> None:
    set_request_limits(LlmApiType.OPENAI, RequestLimits(max_concurrency=4))
    client = embedding(server)
    server.gate.clear()
    texts = [f"text {n}" for n in range(64 * 6)]

    async def main() -> Any:
        work = asyncio.create_task(client.embed(texts))
        await asyncio.to_thread(until, lambda: server.under_way == 4)
        server.gate.set()
        return await work

    vectors = asyncio.run(main())
    assert np.array_equal(np.array(vectors), hashing(8)(texts))
    assert [len(body["input"]) for body in server.bodies] == [64] * 6
    assert server.most_under_way == 4


@pytest.mark.slow
def test_one_client_serves_several_loops_and_leaves_no_connection_open(
    server: LlmServer,
) -> None:
    client = embedding(server)
    for _ in range(3):
        asyncio.run(client.embed(["a"]))
    # A socket that is left open would warn here, and warnings are errors.
    gc.collect()
    assert len(server.received) == 3
