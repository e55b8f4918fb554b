"""The two base models: strict requests, tolerant answers."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Answer", "Request"]


class Request(BaseModel):
    """What a client sends: unknown fields are refused, values are not coerced out of strings."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Answer(BaseModel):
    """What a service answers: a client ignores fields that a newer service added."""

    model_config = ConfigDict(extra="ignore", frozen=True)
