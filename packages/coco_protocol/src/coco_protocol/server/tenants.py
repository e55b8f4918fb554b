"""Orgs and API keys on the server's wire."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from coco_protocol.base import Answer, Identifier, PlainText, Request

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
    "SignInBody",
    "SignInRequest",
]

KeyScope = Literal["query", "ingest", "manage", "memo", "impersonate", "read_all"]

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


class SignInRequest(Request):
    """``PUT /v1/sys/orgs/{id}/sign-in``: whose user tokens the org takes."""

    issuer: PlainText = Field(min_length=1, max_length=1_000)
    audience: PlainText = Field(min_length=1, max_length=1_000)
    jwks_url: PlainText | None = Field(default=None, min_length=1, max_length=2_000)
    jwks: dict[str, object] | None = Field(
        default=None, description="The issuer's keys themselves, instead of their URL."
    )
    user_claim: PlainText = Field(default="sub", min_length=1, max_length=200)
    groups_claim: PlainText = Field(default="groups", min_length=1, max_length=200)
    org_claim: PlainText | None = Field(default=None, min_length=1, max_length=200)

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.jwks_url is None) == (self.jwks is None):
            raise ValueError("send jwks_url or jwks")
        return self


class SignInBody(Answer):
    """Whose user tokens an org takes."""

    issuer: str
    audience: str
    key_set: str
    user_claim: str
    groups_claim: str
    org_claim: str | None = None


class OrgBody(Answer):
    """A tenant."""

    org_id: str
    name: str
    limits: dict[str, int] = Field(default_factory=dict)
    use: OrgUse | None = None
    sign_in: SignInBody | None = None
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
        max_length=6,
    )
    projects: list[Identifier] = Field(
        default_factory=list,
        max_length=1_000,
        description="The projects that it opens; without them all of the org.",
    )
    users: list[Identifier] = Field(
        default_factory=list,
        max_length=1_000,
        description="Users for whom it opens memo sessions without their own token.",
    )
    # Ten years; a key that outlives its system is a risk and not a comfort.
    expires_in_days: float | None = Field(default=None, gt=0, le=3650)

    @model_validator(mode="after")
    def _one_view(self) -> Self:
        """Refuse a key that would show everything when it forgets to say who asks."""
        if {"impersonate", "read_all"} <= set(self.scopes):
            raise ValueError("a key has impersonate or read_all, not both")
        return self


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
    projects: list[str] = Field(default_factory=list, description="Empty: all of the org.")
    users: list[str] = Field(default_factory=list)
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
