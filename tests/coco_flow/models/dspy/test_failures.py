"""`run_batch` where calls fail: each item has its own error, and no other stops."""

from __future__ import annotations

from typing import Any

import pytest

from coco_core.errors import (
    InvalidInput,
    QuotaExceeded,
    RateLimited,
    Unauthorized,
    Unavailable,
    Unreadable,
)
from coco_flow.errors import InvalidSetting, ModelFailed
from coco_flow.models import run_batch
from tests.coco_flow.models.dspy.calls import SUMMARY, asked, items, of
from tests.coco_flow.models.dspy.conftest import answered
from tests.llm_server import LlmServer, Received

pytestmark = pytest.mark.slow


def test_an_item_that_fails_stops_no_other(server: LlmServer) -> None:
    def say(received: Received) -> str:
        return "nonsense" if asked(received) == "text 1" else answered(summary="short")

    server.model = say
    results = run_batch(SUMMARY, items(3), lm=of(server))
    assert [one.error is None for one in results] == [True, False, True]
    error = results[1].error
    assert isinstance(error, Unreadable)
    expected = "The language model's answer does not have the fields summary: 'nonsense'."
    assert error.message == expected
    assert error.__cause__ is not None
    assert results[1].result is None
    assert results[1].telemetry["model_name"] == "openai/scripted"


def test_a_long_answer_is_shown_in_part(server: LlmServer) -> None:
    server.model = lambda _: "x" * 5000
    [one] = run_batch(SUMMARY, items(1), lm=of(server))
    assert one.error is not None
    assert len(one.error.message) < 300


def body(message: str, code: str = "") -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "code": code}}


@pytest.mark.parametrize(
    ("status", "answer", "kind", "message"),
    [
        (
            429,
            body("Slow down."),
            RateLimited,
            "The language model 'openai/scripted' was asked too often: Slow down.",
        ),
        (500, {}, Unavailable, "The language model 'openai/scripted' did not answer: "),
        (503, body("Overloaded"), Unavailable, "did not answer: Overloaded."),
        (400, body("No such field."), InvalidInput, "refuses the request: No such field."),
        (404, body("No such model.", "model_not_found"), InvalidInput, "No such model."),
        (
            400,
            body("maximum context length is 10 tokens", "context_length_exceeded"),
            InvalidInput,
            "The prompt is longer than 'openai/scripted' takes",
        ),
    ],
)
def test_a_failure_of_the_server_fails_its_item(
    status: int, answer: Any, kind: type[Exception], message: str, server: LlmServer
) -> None:
    server.fail(status, body=answer)
    results = run_batch(SUMMARY, items(2), lm=of(server), max_concurrent=1)
    error = results[0].error
    assert isinstance(error, kind)
    assert message in error.message  # type: ignore[attr-defined]
    assert error.hint or kind is InvalidInput  # type: ignore[attr-defined]
    assert "\n" not in str(error)
    assert results[1].error is None


def test_a_broken_connection_fails_its_item(server: LlmServer) -> None:
    server.reset()
    results = run_batch(SUMMARY, items(2), lm=of(server), max_concurrent=1)
    assert isinstance(results[0].error, Unavailable)
    assert results[1].error is None


@pytest.mark.parametrize(
    ("status", "answer", "kind", "message"),
    [
        (
            401,
            body("Incorrect API key provided.", "invalid_api_key"),
            Unauthorized,
            "The language model 'openai/scripted' refuses the key: Incorrect API key provided.",
        ),
        (
            429,
            {
                "error": {
                    "message": "Pay.",
                    "type": "insufficient_quota",
                    "code": "insufficient_quota",
                }
            },
            QuotaExceeded,
            "refuses to work on this account: Pay.",
        ),
    ],
)
def test_once_the_account_is_refused_nothing_more_is_sent(
    status: int, answer: Any, kind: type[Exception], message: str, server: LlmServer
) -> None:
    server.fail(status, times=100, body=answer)
    results = run_batch(SUMMARY, items(50), lm=of(server), max_concurrent=1)
    assert len(server.received) == 1
    assert all(isinstance(one.error, kind) for one in results)
    assert message in str(results[49].error)


def test_a_language_model_without_a_key_says_so(dspy: Any) -> None:
    results = run_batch(SUMMARY, items(3), lm=dspy.LM("openai/gpt-4o-mini", cache=False))
    for one in results:
        assert isinstance(one.error, InvalidSetting)
        assert (
            one.error.message == "There is no API key for the language model 'openai/gpt-4o-mini'."
        )
        assert "OPENAI_API_KEY" in str(one.error.hint)


def test_a_failed_call_is_tried_again(server: LlmServer) -> None:
    server.fail(429, headers={"Retry-After": "0"})
    [one] = run_batch(SUMMARY, items(1), lm=of(server, num_retries=1))
    assert one.error is None
    assert len(server.received) == 2


def test_an_error_of_the_program_fails_its_item(dspy: Any) -> None:
    class Broken(dspy.Module):  # type: ignore[misc, name-defined]
        def forward(self, text: str) -> Any:
            raise KeyError(text)

    [one] = run_batch(Broken(), items(1), lm=dspy.utils.DummyLM([]))
    assert isinstance(one.error, ModelFailed)
    assert one.error.message == "KeyError: 'text 0'"
    assert isinstance(one.error.__cause__, KeyError)
