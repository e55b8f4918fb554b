"""The envelope around every JSON answer, and the headers that go with it."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import Field

from coco_protocol.base import Answer

__all__ = [
    "API_VERSION",
    "HEADER_ORG",
    "HEADER_PROJECT",
    "HEADER_REQUEST",
    "HEADER_USER",
    "SIGNATURE",
    "Envelope",
    "ErrorBody",
    "ErrorEnvelope",
    "Meta",
]

API_VERSION = 1
"""Major version of the wire; a client refuses a service of another major version."""

SIGNATURE = "coco"
"""What `GET /v1/sys/health` answers in ``signature``, so that a foreign program is told apart."""

HEADER_ORG = "x-coco-org-id"
HEADER_PROJECT = "x-coco-project-id"
HEADER_REQUEST = "x-request-id"
HEADER_USER = "x-coco-user-id"

D = TypeVar("D", bound=Answer)


class Meta(Answer):
    """What every answer says about itself."""

    status: str = "fresh"
    request_id: str = ""


class Envelope(Answer, Generic[D]):
    """``{"meta": …, "data": …}``."""

    meta: Meta = Field(default_factory=Meta)
    data: D


class ErrorBody(Answer):
    """What went wrong, with which values, and what to do next."""

    code: str
    message: str
    hint: str | None = None
    details: dict[str, object] = Field(default_factory=dict)
    request_id: str = ""


class ErrorEnvelope(Answer):
    """``{"meta": …, "error": …}``: the one shape of every error."""

    meta: Meta = Field(default_factory=Meta)
    error: ErrorBody
