"""The two base models, strict requests and tolerant answers, their JSON, and texts in requests."""

from __future__ import annotations

import json
from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticSerializationError, to_json

__all__ = [
    "Answer",
    "EmptyRequest",
    "Identifier",
    "PathText",
    "PlainText",
    "Request",
    "Revision",
    "json_bytes",
]

PlainText: TypeAlias = Annotated[str, Field(pattern=r"^[^\x00]*$")]
"""Text without NUL, which neither a path nor an argument of a subprocess can hold."""

# 4096 bytes is the longest path that Linux takes; an id is far shorter.
PathText: TypeAlias = Annotated[PlainText, Field(min_length=1, max_length=4096)]

# Generated ids have at most 32 characters; 200 leaves room for names that people choose.
Identifier: TypeAlias = Annotated[PlainText, Field(min_length=1, max_length=200)]

Revision: TypeAlias = Annotated[
    Annotated[PlainText, Field(min_length=1, max_length=500)] | None,
    Field(description="local mode: only files that differ from this git revision, or untracked"),
]


class Request(BaseModel):
    """What a client sends: unknown fields are refused, values are not coerced out of strings."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class EmptyRequest(Request):
    """What is sent where nothing need be said."""


class Answer(BaseModel):
    """What a service answers: a client ignores fields that a newer service added."""

    model_config = ConfigDict(extra="ignore", frozen=True)


def json_bytes(model: Answer) -> bytes:
    """Serialize; what is no Unicode (file names with stray bytes) becomes a question mark."""
    try:
        return to_json(model, inf_nan_mode="null")
    except (PydanticSerializationError, UnicodeEncodeError):
        text = json.dumps(model.model_dump(), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
