"""Orgs and API keys on the server's wire."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from coco_protocol.base import Answer, PlainText, Request

__all__ = [
    "KeyBody",
    "KeyList",
    "KeyRequest",
    "KeyScope",
    "LimitName",
    "NewKeyBody",
    "OrgBody",
    "OrgId",
    "OrgList",
    "OrgRequest",
    "OrgUse",
    "RotateRequest",
]

KeyScope = Literal["query", "ingest", "manage", "memo"]

LimitName = Literal[
    "rate_limit_per_min",
    "rate_limit_burst",
    "org_max_documents",
    "org_max_chunks",
    "org_max_storage_bytes",
    "org_max_embeddings_per_day",
]

OrgId: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", min_length=1, max_length=100)
]

# The largest integer that JSON readers keep exact.
_Limit: TypeAlias = Annotated[int, Field(ge=0, le=2**53 - 1)]


class OrgRequest(Request):
    """``POST /v1/sys/orgs``; an ``org_id`` that exists gets the name and limits of the request."""

    name: PlainText = Field(min_length=1, max_length=200)
    org_id: OrgId | None = None
    limits: dict[LimitName, _Limit] = Field(
        default_factory=dict, description="Overrides of the service's quotas and rates."
    )


class OrgUse(Answer):
    """What an org holds now, and what it has used today (UTC)."""

    documents: int = 0
    chunks: int = 0
    storage_bytes: int = 0
    embeddings_today: int = 0


class OrgBody(Answer):
    """A tenant."""

    org_id: str
    name: str
    limits: dict[str, int] = Field(default_factory=dict)
    use: OrgUse | None = None
    created_at: float


class OrgList(Answer):
    """Oldest first."""

    orgs: list[OrgBody]


class KeyRequest(Request):
    """``POST /v1/sys/keys``."""

    org_id: OrgId
    name: PlainText = Field(min_length=1, max_length=200)
    scopes: list[KeyScope] = Field(
        default_factory=lambda: list[KeyScope](["query", "ingest", "manage", "memo"]),
        min_length=1,
        max_length=4,
    )
    # Ten years; a key that outlives its system is a risk and not a comfort.
    expires_in_days: float | None = Field(default=None, gt=0, le=3650)


class RotateRequest(Request):
    """``POST /v1/sys/keys/{id}/rotate``."""

    grace_seconds: float = Field(
        default=0, ge=0, le=2_592_000, description="How long the old key remains valid."
    )


class KeyBody(Answer):
    """A key without its secret."""

    key_id: str
    org_id: str
    name: str
    prefix: str
    scopes: list[str]
    created_at: float
    expires_at: float | None = None
    last_used_at: float | None = None
    revoked_at: float | None = None


class NewKeyBody(KeyBody):
    """A key just made; ``key`` is shown this once."""

    key: str


class KeyList(Answer):
    """Oldest first."""

    keys: list[KeyBody]
