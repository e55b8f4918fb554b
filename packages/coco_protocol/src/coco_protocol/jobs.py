"""Jobs on the wire: state, progress, and events."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, Identifier, Request

__all__ = ["JobBody", "JobEvent", "JobList", "JobRequest", "JobState"]

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]


class JobRequest(Request):
    """One job, by its id."""

    job_id: Identifier = Field(description="The job's id.")


class JobBody(Answer):
    """A unit of background work: counts are files in the stage named by ``stage``."""

    job_id: str
    kind: Literal["index", "rebuild", "rescan", "prune", "model"]
    project_id: str | None = None
    state: JobState
    stage: str = ""
    done: int = 0
    total: int = 0
    rate: float = Field(default=0.0, description="units per second in this stage")
    eta_seconds: float | None = None
    current: str = ""
    counts: dict[str, int] = Field(default_factory=dict)
    error: str | None = None
    created_at: float
    started_at: float | None = None
    finished_at: float | None = None


class JobList(Answer):
    """Newest first."""

    jobs: list[JobBody]


class JobEvent(Answer):
    """One message of a job's event stream; the last one has a final state."""

    sequence: int
    job: JobBody
    message: str = ""
