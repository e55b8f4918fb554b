"""Jobs on the server's wire."""

from __future__ import annotations

from pydantic import Field

from coco_protocol.base import Answer
from coco_protocol.jobs import JobState

__all__ = ["JobBody", "JobEvent", "JobList", "JobRejections", "RejectedItem"]


class JobBody(Answer):
    """A unit of background work; ``done`` and ``total`` are items."""

    job_id: str
    kind: str
    project_id: str
    version_id: str | None = None
    state: JobState
    stage: str = ""
    done: int = 0
    total: int | None = None
    attempt: int = 0
    cancel_requested: bool = False
    rejected: int = Field(default=0, description="Items that were left out so far.")
    rejected_by: dict[str, int] = Field(default_factory=dict, description="By the reason.")
    result: dict[str, object] | None = None
    error: dict[str, object] | None = None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None


class JobList(Answer):
    """Newest first."""

    jobs: list[JobBody]


class JobEvent(Answer):
    """One message of a job's event stream; the last one has a final state."""

    sequence: int
    at: float
    kind: str
    body: dict[str, object] = Field(default_factory=dict)


class RejectedItem(Answer):
    """An item that was left out."""

    item: int = Field(description="Its position in the import, from 0.")
    code: str
    message: str
    doc_id: str | None = None


class JobRejections(Answer):
    """``GET /v1/jobs/{id}/rejections``: the first 1,000 items that were left out, streamed.

    The job has their total and the numbers by reason.
    """

    rejections: list[RejectedItem]
