"""The audit log on the server's wire."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from coco_protocol.base import Answer, Identifier, PlainText

__all__ = ["AuditEventBody", "AuditPage", "AuditParameters"]


class AuditParameters(BaseModel):
    """``GET /v1/sys/audit``: which events are wanted; what is left out does not narrow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    org_id: Identifier | None = None
    project_id: Identifier | None = None
    actor: Identifier | None = Field(default=None, description="`admin`, or a key's id.")
    action: PlainText | None = Field(default=None, min_length=1, max_length=100)
    target: Identifier | None = None
    since: float | None = Field(default=None, ge=0, le=253_402_300_000, description="Unix seconds.")
    until: float | None = Field(default=None, ge=0, le=253_402_300_000, description="Exclusive.")
    cursor: Identifier | None = Field(default=None, description="`next_cursor` of the page before.")
    limit: int = Field(default=100, ge=1, le=1_000)


class AuditEventBody(Answer):
    """An administrative action or an export."""

    event_id: str
    org_id: str | None = None
    at: float
    actor: str = Field(description="`admin`, a key's id, or `cli:` with an account.")
    action: str
    target: str | None = None
    project_id: str | None = None
    request_id: str | None = None
    source: str | None = Field(default=None, description="The address that the request came from.")
    outcome: str = Field(description="`done`, or the code of the error.")
    details: dict[str, object] = Field(default_factory=dict)


class AuditPage(Answer):
    """Newest first."""

    events: list[AuditEventBody]
    next_cursor: str | None = None
