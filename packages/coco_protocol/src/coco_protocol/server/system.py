"""Service health and retention on the server's wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, Request
from coco_protocol.envelope import API_VERSION, SIGNATURE
from coco_protocol.server.tenants import OrgId

__all__ = [
    "HealthData",
    "LiveData",
    "PartHealth",
    "PartState",
    "PruneData",
    "PruneRequest",
    "ReadyData",
]

PartState = Literal["ok", "missing", "failing", "mismatch"]


class PartHealth(Answer):
    """State of something that the service needs."""

    name: str
    state: PartState
    version: str | None = None
    detail: str = ""


class LiveData(Answer):
    """``GET /v1/sys/health/live``: the process answers."""

    signature: str = SIGNATURE
    version: str
    api_version: int = API_VERSION


class ReadyData(LiveData):
    """``GET /v1/sys/health/ready``: whether requests can be served; 503 when not."""

    ready: bool
    reason: str = Field(default="", description="Why not, when it is not ready.")


class HealthData(ReadyData):
    """``GET /v1/sys/health``: the service, its database and its workers."""

    uptime_seconds: float
    stopping: bool = False
    parts: list[PartHealth] = Field(default_factory=list)
    workers: list[PartHealth] = Field(default_factory=list)
    jobs_waiting: int = 0
    jobs_running: int = 0


class PruneRequest(Request):
    """``POST /v1/sys/prune``; without values the service's own retention applies."""

    org_id: OrgId | None = None
    keep_versions: int | None = Field(default=None, ge=0, le=1000)
    older_than_hours: float | None = Field(default=None, ge=0, le=876_000)
    dry_run: bool = False


class PruneData(Answer):
    """What was, or with ``dry_run`` would be, removed."""

    versions: int = 0
    memos: int = 0
    sessions: int = 0
    jobs: int = Field(default=0, description="Finished ones whose version is gone.")
    blobs: int = Field(default=0, description="Imports and modules that nothing refers to.")
    partial_uploads: int = Field(default=0, description="Uploads that broke off.")
    bytes: int = 0
    version_ids: list[str] = Field(default_factory=list)
    dry_run: bool = False
