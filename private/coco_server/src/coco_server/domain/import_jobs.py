"""Jobs of imports: quota, version and job in one transaction, once for each request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from coco_core.configs import IndexingConfig
from coco_core.errors import InvalidInput, QuotaExceeded
from coco_core.plan import IndexingPlan
from coco_protocol.server.docs import ImportHead, StartedData
from coco_server.jobs import queue, requests
from coco_server.jobs.payload import ImportFormat, IngestPayload
from coco_server.jobs.records import Job
from coco_server.jobs.requests import RequestKey
from coco_server.metrics import ServerMetrics
from coco_server.store import (
    abandoned,
    activations,
    configs,
    orgs,
    projects,
    rules,
    usage,
    versions,
)
from coco_server.store.access import Viewer
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database, Scope, TenantSession
from coco_server.store.usage import Quotas

__all__ = ["JOB_KIND", "ImportJobs", "ImportSource", "Importer"]

JOB_KIND = "ingest"

# What names the request, or is compared by itself: the config that is meant, and the items.
_NO_PART_OF_A_REQUEST = {"idempotency_key", "project_id", "indexing_config_id", "blob_ref"}


class Importer(Protocol):
    """On whose behalf something is imported."""

    @property
    def scope(self) -> Scope:
        """Org, user and project."""
        ...

    @property
    def quotas(self) -> Quotas:
        """What the org may hold."""
        ...

    @property
    def viewer(self) -> Viewer:
        """Who is shown what the answer says."""
        ...


@dataclass(frozen=True, slots=True)
class ImportSource:
    """Items in the blob store."""

    blob_ref: str
    format: ImportFormat
    size: int
    items: int | None
    fresh: bool
    """Whether this request brought them: then they go when it fails."""
    sha256: str = ""
    """Of a fresh one."""
    sources: tuple[str, ...] = ()
    """Of a version that is built again from several imports: see `IngestPayload`."""


class ImportJobs:
    """Enqueues imports."""

    def __init__(self, database: Database, blobs: BlobStore, metrics: ServerMetrics) -> None:
        self._database = database
        self._blobs = blobs
        self._metrics = metrics

    def start(
        self,
        caller: Importer,
        head: ImportHead,
        source: ImportSource,
        *,
        asked: str | None = None,
        doc_id: str | None = None,
    ) -> StartedData:
        """Enqueue the job of an import, or return the one that the same request started before.

        Args:
            caller: whose import it is.
            head: what is asked for.
            source: the items.
            asked: stands for the items when a repeated request is compared with the first one.
            doc_id: the one document that it changes.

        Raises:
            InvalidInput: a replacing import names documents to delete.
            RequestConflict: the key was used for another request.
            ConfigNotFound: the org has no such config.
            QuotaExceeded: the org may not hold that much.
            VersionConflict: a build of this config is under way.
        """
        if head.deletes and head.mode != "merge":
            raise InvalidInput(
                "The import replaces all documents, and names some to delete.",
                hint="Send mode 'merge', or leave out deletes.",
            )
        content = asked or f"{source.format} {source.sha256 or source.blob_ref}"
        request = RequestKey.of(
            head.idempotency_key, head.indexing_config_id, _asked(head, content)
        )
        project_id = caller.scope.project_id
        with self._database.tenant(caller.scope.org_id) as session:
            there = None
            if request is not None:
                requests.take_turn(session, project_id, request)
                active = projects.get(session, project_id).active_config_id
                there = requests.find(session, project_id, request, active)
            job = there or self._create(
                session, caller, head, source, request=request, doc_id=doc_id
            )
        if there is not None and source.fresh:
            self._blobs.delete(caller.scope.org_id, source.blob_ref)
        return _started(job, None if there is not None else source.size)

    def _create(
        self,
        session: TenantSession,
        caller: Importer,
        head: ImportHead,
        source: ImportSource,
        *,
        request: RequestKey | None,
        doc_id: str | None,
    ) -> Job:
        scope = caller.scope
        project = projects.get(session, scope.project_id)
        config_id = head.indexing_config_id or project.active_config_id
        config = IndexingConfig.from_dict(configs.get(session, config_id).body)
        if head.wasm_module_ref is not None:
            rules.require(session, head.wasm_module_ref)
        orgs.remember_user(session, scope.user_id)
        # What keeps a project from importing shall not wait for a worker to look at it.
        abandoned.fail(session, project_id=scope.project_id, config_id=config_id, older_seconds=0)
        merge = head.mode == "merge"
        version_id = None if merge else self._begin(session, caller, config_id, source)
        # After the org's totals: `activations.declare` says why.
        began = activations.declare(session, scope.project_id) if head.activate else None
        payload = IngestPayload(
            blob_ref=source.blob_ref,
            format=source.format,
            plan=IndexingPlan(config=config),
            on_error=head.on_error,
            wasm_module_ref=head.wasm_module_ref,
            activate=bool(head.activate),
            force=head.activate == "force",
            began=began,
            mode=head.mode,
            deletes=tuple(head.deletes),
            sources=source.sources,
        )
        return queue.enqueue(
            session,
            project_id=scope.project_id,
            kind=JOB_KIND,
            payload=payload.to_dict(),
            user_id=scope.user_id,
            version_id=version_id,
            config_id=config_id,
            merge=merge,
            doc_id=doc_id,
            request=request,
            total=source.items,
        )

    def _begin(
        self, session: TenantSession, caller: Importer, config_id: str, source: ImportSource
    ) -> str:
        """Make the version of a replacing import, with its reservation; returns its id."""
        project_id = caller.scope.project_id
        version = versions.create(session, project_id, config_id)
        try:
            usage.reserve_build(
                session,
                caller.quotas,
                version.version_id,
                documents=source.items or 0,
                storage_bytes=source.size,
            )
        except QuotaExceeded:
            self._metrics.refused("quota")
            raise
        return version.version_id


def _asked(head: ImportHead, content: str) -> Mapping[str, object]:
    """Return what makes two requests the same: all that changes what the job does."""
    options = head.model_dump(exclude=_NO_PART_OF_A_REQUEST)
    return {**options, "content": content}


def _started(job: Job, size: int | None) -> StartedData:
    payload = IngestPayload.from_dict(job.payload)
    return StartedData(
        job_id=job.job_id,
        version_id=job.version_id,
        project_id=job.project_id,
        indexing_config_id=payload.plan.config.config_id,
        blob_ref=payload.blob_ref,
        items=job.total,
        bytes=size,
    )
