"""Merges in the worker: begun on the version that answers, and again when another one does."""

from __future__ import annotations

from dataclasses import replace

from coco_core.configs import IndexingConfig
from coco_core.errors import VersionConflict
from coco_server.jobs import queue, rejections
from coco_server.store import merging, versions
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version
from coco_worker.counts import Counts
from coco_worker.leased_job import InterruptReason, JobInterrupted, LeasedJob

__all__ = ["BaseChanged", "begin", "begin_again", "check_base"]

# A merge that is overtaken so often meets imports or rollbacks without end.
_MOST_BEGINNINGS = 3


class BaseChanged(Exception):
    """A merge's base no longer answers for its config: begin again."""


def begin(
    session: TenantSession, leased: LeasedJob, config: IndexingConfig, counts: Counts
) -> Version:
    """Make the merge's version, and let the job name it in the same transaction.

    Raises:
        JobInterrupted: another build of the same index goes first.
    """
    job = leased.job
    try:
        made = merging.begin(session, job.project_id, config.config_id)
    except VersionConflict as error:
        # An import of the same index came in between; the queue lets it end first.
        raise JobInterrupted(InterruptReason.WAITING) from error
    queue.build_anew(session, job, made.version_id, counts.to_dict())
    leased.job = replace(job, version_id=made.version_id, checkpoint=counts.to_dict())
    return made


def begin_again(
    session: TenantSession,
    leased: LeasedJob,
    version: Version,
    config: IndexingConfig,
    counts: Counts,
) -> None:
    """Give up what was merged into a version that no longer answers, and begin with the new one.

    Raises:
        JobInterrupted: another build of the same index goes first.
        VersionConflict: that happened too often.
    """
    beginnings = counts.beginnings + 1
    if beginnings > _MOST_BEGINNINGS:
        raise VersionConflict(
            f"Another version became active {beginnings} times during the merge.",
            hint="Send the merge again when no other import or rollback of the project runs.",
        )
    why = {"code": "version_conflict", "message": "The merge began again from another version."}
    versions.fail(session, version.version_id, why)
    rejections.clear(session, leased.job.job_id)
    begin(session, leased, config, Counts(beginnings=beginnings))


def check_base(session: TenantSession, version: Version) -> None:
    """Find out before the version is sealed in vain; its activation sees what changes after.

    Raises:
        BaseChanged: another version answers for the config.
    """
    if not merging.is_current(session, version):
        raise BaseChanged
