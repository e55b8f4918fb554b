"""Success answers: the envelope serialized straight to bytes."""

from __future__ import annotations

from typing import Any, TypeAlias

from fastapi import Response

from coco_protocol.base import Answer, json_bytes
from coco_protocol.envelope import ErrorEnvelope, Meta

__all__ = ["ERRORS", "Responses", "answer", "text_answer"]

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
