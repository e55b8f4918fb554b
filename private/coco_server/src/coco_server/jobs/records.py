"""Job record: the row of the queue, which users see too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

__all__ = ["COMPACT", "DONE_STATES", "Job", "JobState"]

COMPACT = "compact"
"""The kind of the jobs that write the segments of a version as one."""

JobState: TypeAlias = Literal["queued", "running", "succeeded", "failed", "cancelled"]

DONE_STATES: frozenset[JobState] = frozenset({"succeeded", "failed", "cancelled"})


@dataclass(frozen=True, slots=True)
class Job:
    """A unit of background work; a worker that claimed it holds it with its ``fence``."""

    job_id: str
    org_id: str
    project_id: str
    user_id: str | None
    version_id: str | None
    config_id: str | None
    """The config that it builds under; None for jobs of an older release."""
    merge: bool
    """Whether it takes turns with the other builds of the project under the config."""
    kind: str
    state: JobState
    payload: Mapping[str, Any]
    priority: int
    attempt: int
    max_attempts: int
    lease_owner: str | None
    lease_until: datetime | None
    fence: int
    """One more at every claim: a worker whose number is old was replaced."""
    cancel_requested: bool
    stage: str | None
    done: int
    total: int | None
    checkpoint: Mapping[str, Any]
    """How far the work is committed; a new attempt goes on from here."""
    result: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    requeued_as: str | None
    """The job that does a failed one's work."""
