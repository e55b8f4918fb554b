"""Successful answers: the envelope written straight to bytes, validated nowhere twice."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from fastapi import Response
from pydantic_core import PydanticSerializationError, to_json

from coco_protocol.base import Answer
from coco_protocol.envelope import ErrorEnvelope, Meta

__all__ = ["ERRORS", "Responses", "answer", "json_bytes", "text_answer"]

Responses: TypeAlias = dict[int | str, dict[str, Any]]

ERRORS: Responses = {
    "default": {"model": ErrorEnvelope, "description": "Every error has this shape"}
}
"""What each route documents beside its answer."""


def text_answer(kind: str) -> Responses:
    """Describe a route that answers with text of the content type ``kind``."""
    return {200: {"content": {kind: {"schema": {"type": "string"}}}}, **ERRORS}


def answer(data: Answer, request_id: str, meta: Meta | None = None) -> Response:
    """Return the envelope around ``data``; ``meta`` gets the request's id."""
    head = (meta or Meta()).model_copy(update={"request_id": request_id})
    body = b'{"meta":' + json_bytes(head) + b',"data":' + json_bytes(data) + b"}"
    return Response(body, media_type="application/json")


def json_bytes(model: Answer) -> bytes:
    """Serialize; what is no Unicode (file names with stray bytes) becomes a question mark."""
    try:
        return to_json(model, inf_nan_mode="null")
    except (PydanticSerializationError, UnicodeEncodeError):
        text = json.dumps(model.model_dump(), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
