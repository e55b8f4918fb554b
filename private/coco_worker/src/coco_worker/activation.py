"""Whether a complete build is activated: not over a newer one, and not when it lost too much."""

from __future__ import annotations

from collections.abc import Mapping

from coco_server.jobs.payload import IngestPayload
from coco_server.store import merging, versions
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version
from coco_worker.counts import Counts

__all__ = ["activate_unless_held"]

_HINT = (
    "Look at the job's rejections. If the version is right, activate it, or import again with "
    "activate: 'force'."
)


def activate_unless_held(
    session: TenantSession, ready: Version, payload: IngestPayload, counts: Counts
) -> Mapping[str, str] | None:
    """Activate a build that is wanted so; returns why it was held back, with what to do.

    Args:
        session: the transaction that ends the job.
        ready: the version, complete.
        payload: of its job.
        counts: of its job.

    Raises:
        VersionConflict: the base of a merge no longer answers.
    """
    if not payload.activate:
        return None
    if not payload.force:
        held = _losing(session, ready, payload, counts)
        if held is not None:
            return held
    activate = merging.activate if payload.mode == "merge" else versions.activate_build
    if activate(session, ready, payload.began) is None:
        return {
            "code": "superseded",
            "message": "Another version became active after this import was sent.",
            "hint": "Activate this version if it shall replace that one, or import again.",
        }
    return None


def _losing(
    session: TenantSession, ready: Version, payload: IngestPayload, counts: Counts
) -> Mapping[str, str] | None:
    """Return why a build may hold much less than was meant."""
    if counts.rejected * 2 > counts.items:
        return {
            "code": "many_rejected",
            "message": f"{counts.rejected} of {counts.items} items were rejected, more than half.",
            "hint": _HINT,
        }
    if payload.mode == "merge":
        # A merge takes out what it names and nothing else.
        return None
    active = versions.active(session, ready.project_id)
    if active is not None and ready.document_count * 2 < active.document_count:
        return {
            "code": "few_documents",
            "message": f"The version has {ready.document_count} documents, fewer than half of the "
            f"{active.document_count} of the active version.",
            "hint": _HINT,
        }
    return None
