"""What operators ask on the server's wire: the queue, usage by month, erasures."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, StringConstraints

from coco_protocol.base import Answer, Identifier, Request
from coco_protocol.server.jobs import JobBody
from coco_protocol.server.tenants import OrgId

__all__ = [
    "ErasureBody",
    "ErasureList",
    "Month",
    "QueuedJobBody",
    "QueuedJobList",
    "RefusedRequeue",
    "RequeueData",
    "RequeueRequest",
    "UsageBody",
    "UsageData",
]

Month: TypeAlias = Annotated[
    str, StringConstraints(pattern=r"^[1-9][0-9]{3}-(0[1-9]|1[0-2])$"), Field(examples=["2026-11"])
]


class QueuedJobBody(JobBody):
    """A job as its operator sees it."""

    org_id: str
    user_id: str | None = None
    max_attempts: int
    lease_owner: str | None = Field(default=None, description="The worker that has it.")
    lease_until: float | None = None
    requeued_as: str | None = Field(default=None, description="The job that replaces it.")


class QueuedJobList(Answer):
    """Newest first."""

    jobs: list[QueuedJobBody]


class RequeueRequest(Request):
    """``POST /v1/sys/jobs/requeue``: failed jobs that no other job replaces yet."""

    org_id: OrgId | None = None
    kind: Identifier | None = None
    code: Identifier | None = Field(default=None, description="Failed with this code.")


class RefusedRequeue(Answer):
    """A failed job that could not be requeued."""

    job_id: str
    code: str
    message: str


class RequeueData(Answer):
    """The new jobs, and the old ones that stay as they are."""

    requeued: list[QueuedJobBody]
    refused: list[RefusedRequeue]


class UsageBody(Answer):
    """What an org used and held in one month (UTC)."""

    org_id: str
    name: str
    days: int = Field(description="With any use or sample.")
    queries: int
    embeddings: int
    items: int
    documents_held: int = Field(description="The most in the month, of all stored versions.")
    chunks_held: int = Field(description="The most in the month.")
    bytes_held: int = Field(description="The most in the month.")
    byte_days: int = Field(description="The most of each day, summed.")
    memos_held: int = Field(description="The most in the month.")


class UsageData(Answer):
    """``GET /v1/sys/usage``: of one org or of all, by id."""

    month: str
    orgs: list[UsageBody]


class ErasureBody(Answer):
    """The removal of a project, an org or a user; without content, it stays as proof."""

    erasure_id: str
    kind: Literal["project", "org", "user"]
    org_id: str
    project_id: str | None = None
    user_id: str | None = None
    removed: dict[str, int] = Field(
        default_factory=dict, description="Rows by table, blobs, and segments."
    )
    created_at: float
    finished_at: float | None = Field(default=None, description="Missing while it goes on.")


class ErasureList(Answer):
    """Newest first."""

    erasures: list[ErasureBody]
