"""Anthropic's messages API; a tool that the model must call carries the schema."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

from coco_flow.llm.json_schema import SchemaDialect
from coco_flow.llm.protocol import (
    Answer,
    Connection,
    GenerateRequest,
    HttpCall,
    image_type,
    malformed,
)

__all__ = ["AnthropicProtocol"]

_VERSION = "2023-06-01"
_TOOL = "report_result"
# The API wants a limit. The oldest models that still answer take 4,096 tokens, all others more.
_LONGEST_ANSWER = 8192
_LONGEST_ANSWER_OF_OLD_MODELS = 4096
_OLD_MODEL = re.compile(r"claude-(2|instant|3-(haiku|sonnet|opus))")


class AnthropicProtocol:
    """Messages, version 2023-06-01."""

    dialect = SchemaDialect()

    def generate(self, connection: Connection, request: GenerateRequest) -> HttpCall:
        """Ask for a message that calls the tool."""
        messages: list[dict[str, Any]] = [{"role": "user", "content": _content(request)}]
        for correction in request.corrections:
            messages.append({"role": "assistant", "content": correction.answer})
            messages.append({"role": "user", "content": correction.problem})
        old = _OLD_MODEL.search(request.model)
        body: dict[str, Any] = {
            "model": request.model,
            "max_tokens": _LONGEST_ANSWER_OF_OLD_MODELS if old else _LONGEST_ANSWER,
            "system": request.system,
            "messages": messages,
        }
        if request.structured:
            body["tools"] = [
                {
                    "name": _TOOL,
                    "description": "Report the result of the task.",
                    "input_schema": request.schema.document,
                }
            ]
            body["tool_choice"] = {"type": "tool", "name": _TOOL}
        headers = {"anthropic-version": _VERSION}
        if connection.key:
            headers["x-api-key"] = connection.key
        base = connection.address.removesuffix("/v1")
        return HttpCall(f"{base}/v1/messages", body, headers)

    def answer(self, body: Any) -> Answer:
        """Read the tool's input, or the text where the model called none."""
        try:
            blocks = body["content"]
            cut = body.get("stop_reason") == "max_tokens"
            for block in blocks:
                if block["type"] == "tool_use":
                    return Answer(json.dumps(block["input"], ensure_ascii=False), cut)
            texts = [block["text"] for block in blocks if block["type"] == "text"]
        except (LookupError, TypeError, AttributeError) as error:
            raise malformed("Anthropic", body) from error
        if not texts:
            raise malformed("Anthropic", body)
        return Answer("".join(texts), cut)


def _content(request: GenerateRequest) -> str | list[dict[str, Any]]:
    if request.image is None:
        return request.prompt
    source = {
        "type": "base64",
        "media_type": image_type(request.image),
        "data": base64.b64encode(request.image).decode("ascii"),
    }
    parts: list[dict[str, Any]] = [{"type": "image", "source": source}]
    if request.prompt:
        parts.append({"type": "text", "text": request.prompt})
    return parts
