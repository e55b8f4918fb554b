"""Serializers from the store's rows to the wire's models; times become Unix seconds."""

from __future__ import annotations

from datetime import datetime

from coco_protocol.configs import ChunkingBody, EmbeddingBody
from coco_protocol.defaults import DefaultsBody
from coco_protocol.docs import RetrievalBody
from coco_protocol.server.configs import ConfigBody
from coco_protocol.server.jobs import JobBody, JobEvent
from coco_protocol.server.memos import MemoBody, MemoHit
from coco_protocol.server.projects import ProjectBody, VersionBody
from coco_protocol.server.tenants import KeyBody, OrgBody, OrgUse
from coco_server.jobs.events import JobEvent as StoredEvent
from coco_server.jobs.records import Job
from coco_server.store import orgs, usage
from coco_server.store.configs import StoredConfig
from coco_server.store.keys import ApiKey
from coco_server.store.memos import Memo
from coco_server.store.orgs import Org
from coco_server.store.projects import Project
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = [
    "config_body",
    "defaults_body",
    "event_body",
    "job_body",
    "key_body",
    "memo_body",
    "memo_hit",
    "org_body",
    "org_use",
    "project_body",
    "seconds",
    "some_seconds",
    "version_body",
]


def seconds(moment: datetime) -> float:
    """Return Unix seconds."""
    return moment.timestamp()


def some_seconds(moment: datetime | None) -> float | None:
    """Return Unix seconds, or None for what has not happened."""
    return None if moment is None else moment.timestamp()


def org_body(org: Org, use: OrgUse | None = None) -> OrgBody:
    """Say an org."""
    limits = {name: value for name, value in org.limits.items() if isinstance(value, int)}
    return OrgBody(
        org_id=org.org_id,
        name=org.name,
        limits=limits,
        use=use,
        created_at=seconds(org.created_at),
    )


def org_use(session: TenantSession) -> OrgUse:
    """Say what the session's org holds, and what it has used today."""
    held = orgs.totals(session)
    return OrgUse(
        documents=held.documents,
        chunks=held.chunks,
        storage_bytes=held.storage_bytes,
        embeddings_today=usage.embeddings_today(session),
    )


def key_body(key: ApiKey) -> KeyBody:
    """Say a key; its secret is nowhere."""
    return KeyBody(
        key_id=key.key_id,
        org_id=key.org_id,
        name=key.name,
        prefix=key.prefix,
        scopes=key.scopes,
        created_at=seconds(key.created_at),
        expires_at=some_seconds(key.expires_at),
        last_used_at=some_seconds(key.last_used_at),
        revoked_at=some_seconds(key.revoked_at),
    )


def config_body(config: StoredConfig) -> ConfigBody:
    """Say a config."""
    return ConfigBody(
        config_id=config.config_id,
        org_id=config.org_id,
        fingerprint=config.fingerprint,
        dimension=config.dimension,
        chunking=ChunkingBody.model_validate(config.body["chunking"]),
        embedding=EmbeddingBody.model_validate(config.body["embedding"]),
        created_at=seconds(config.created_at),
    )


def project_body(project: Project) -> ProjectBody:
    """Say a project."""
    return ProjectBody(
        project_id=project.project_id,
        org_id=project.org_id,
        source_ref=project.source_ref,
        name=project.name,
        platform=project.platform,
        active_version_id=project.active_version_id,
        active_config_id=project.active_config_id,
        created_at=seconds(project.created_at),
    )


def defaults_body(project: Project) -> DefaultsBody:
    """Say what a project's queries take when they say nothing else."""
    retrieval = project.retrieval_config
    return DefaultsBody(
        project_id=project.project_id,
        indexing_config_id=project.active_config_id,
        query_config_id=project.query_config_id,
        retrieval_config=None if retrieval is None else RetrievalBody.model_validate(retrieval),
    )


def version_body(version: Version) -> VersionBody:
    """Say a version."""
    return VersionBody(
        version_id=version.version_id,
        project_id=version.project_id,
        indexing_config_id=version.config_id,
        status=version.status,
        active=version.status == "ACTIVE",
        item_count=version.item_count,
        document_count=version.document_count,
        chunk_count=version.chunk_count,
        embedded_count=version.embedded_count,
        storage_bytes=version.storage_bytes,
        failure=None if version.failure is None else dict(version.failure),
        created_at=seconds(version.created_at),
        ready_at=some_seconds(version.ready_at),
        build_seconds=(
            None
            if version.ready_at is None
            else (version.ready_at - version.created_at).total_seconds()
        ),
        activated_at=some_seconds(version.activated_at),
        archived_at=some_seconds(version.archived_at),
    )


def job_body(job: Job) -> JobBody:
    """Say a job; who works on it is nobody's business."""
    return JobBody(
        job_id=job.job_id,
        kind=job.kind,
        project_id=job.project_id,
        version_id=job.version_id,
        state=job.state,
        stage=job.stage or "",
        done=job.done,
        total=job.total,
        attempt=job.attempt,
        cancel_requested=job.cancel_requested,
        result=None if job.result is None else dict(job.result),
        error=None if job.error is None else dict(job.error),
        created_at=seconds(job.created_at),
        started_at=some_seconds(job.started_at),
        finished_at=some_seconds(job.finished_at),
    )


def memo_body(memo: Memo) -> MemoBody:
    """Say a memo."""
    return MemoBody(
        memo_id=memo.memo_id,
        content=memo.content,
        tags=memo.tags,
        created_at=seconds(memo.created_at),
        expires_at=some_seconds(memo.expires_at),
    )


def memo_hit(memo: Memo, score: float) -> MemoHit:
    """Say a memo that was found."""
    return MemoHit(**memo_body(memo).model_dump(), score=round(score, 4))


def event_body(event: StoredEvent) -> JobEvent:
    """Say an event of a job."""
    return JobEvent(
        sequence=event.seq, at=seconds(event.at), kind=event.kind, body=dict(event.body)
    )
