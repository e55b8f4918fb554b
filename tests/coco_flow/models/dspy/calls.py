"""Calls of a scripted language model, as the tests of `run_batch` make them."""

from __future__ import annotations

import re
from typing import Any

from coco_flow.models import get_dspy_lm
from tests.llm_server import LlmServer, Received

__all__ = ["SUMMARY", "asked", "items", "of"]

SUMMARY = "text -> summary"


def of(server: LlmServer, **options: Any) -> Any:
    """Return a language model that is the scripted server."""
    settings = {"cache": False, "num_retries": 0, "api_key": "k", **options}
    return get_dspy_lm("openai/scripted", api_base=f"{server.url}/v1", **settings)


def items(count: int) -> list[dict[str, str]]:
    return [{"text": f"text {number}"} for number in range(count)]


def asked(received: Received) -> str:
    """Return the input of a request."""
    found = re.search(r"\[\[ ## text ## \]\]\n(.*)", received.body["messages"][-1]["content"])
    assert found is not None
    return found[1]
