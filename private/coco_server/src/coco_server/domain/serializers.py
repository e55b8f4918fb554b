"""Serializers from the store's rows to the wire's models; times become Unix seconds."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

from coco_protocol.base import Answer
from coco_protocol.configs import ChunkingBody, EmbeddingBody
from coco_protocol.defaults import DefaultsBody
from coco_protocol.docs import RetrievalBody
from coco_protocol.server.audit import AuditEventBody
from coco_protocol.server.configs import ConfigBody
from coco_protocol.server.jobs import JobBody, JobEvent
from coco_protocol.server.memos import MemoBody, MemoHit
from coco_protocol.server.operating import ErasureBody, QueuedJobBody, UsageBody
from coco_protocol.server.projects import ProjectBody, VersionBody
from coco_protocol.server.rules import RuleBody
from coco_protocol.server.tenants import KeyBody, OrgBody, OrgUse, SignInBody
from coco_server.jobs.events import StoredEvent
from coco_server.jobs.records import Job
from coco_server.store import orgs, usage
from coco_server.store.audit import AuditEvent
from coco_server.store.configs import StoredConfig
from coco_server.store.erasures import Erasure
from coco_server.store.keys import ApiKey
from coco_server.store.memos import Memo
from coco_server.store.orgs import Org
from coco_server.store.projects import Project
from coco_server.store.rules import StoredRule
from coco_server.store.session import TenantSession
from coco_server.store.usage_report import MonthlyUsage
from coco_server.store.versions import Version

__all__ = [
    "audit_body",
    "config_body",
    "defaults_body",
    "erasure_body",
    "event_body",
    "job_body",
    "key_body",
    "memo_body",
    "memo_hit",
    "org_body",
    "org_use",
    "project_body",
    "queued_job_body",
    "rule_body",
    "usage_body",
    "version_body",
]

_Body = TypeVar("_Body", bound=Answer)


def org_body(org: Org, use: OrgUse | None = None) -> OrgBody:
    """Serialize an org."""
    limits = {name: value for name, value in org.limits.items() if isinstance(value, int)}
    sign_in = None if org.sign_in is None else SignInBody.model_validate(org.sign_in)
    return _body(OrgBody, org, limits=limits, use=use, sign_in=sign_in)


def org_use(session: TenantSession) -> OrgUse:
    """Serialize what the session's org holds, and what it has used today."""
    return _body(OrgUse, orgs.totals(session), embeddings_today=usage.embeddings_today(session))


def key_body(key: ApiKey) -> KeyBody:
    """Serialize a key; its secret is nowhere."""
    return _body(KeyBody, key)


def audit_body(event: AuditEvent) -> AuditEventBody:
    """Serialize an event of the audit log."""
    return _body(AuditEventBody, event)


def config_body(config: StoredConfig) -> ConfigBody:
    """Serialize a config."""
    return _body(
        ConfigBody,
        config,
        chunking=ChunkingBody.model_validate(config.body["chunking"]),
        embedding=EmbeddingBody.model_validate(config.body["embedding"]),
    )


def project_body(project: Project) -> ProjectBody:
    """Serialize a project."""
    return _body(ProjectBody, project)


def defaults_body(project: Project) -> DefaultsBody:
    """Serialize what a project's queries take when they say nothing else."""
    retrieval = project.retrieval_config
    return DefaultsBody(
        project_id=project.project_id,
        indexing_config_id=project.active_config_id,
        query_config_id=project.query_config_id,
        retrieval_config=None if retrieval is None else RetrievalBody.model_validate(retrieval),
    )


def version_body(version: Version) -> VersionBody:
    """Serialize a version."""
    ready = version.ready_at
    return _body(
        VersionBody,
        version,
        indexing_config_id=version.config_id,
        active=version.status == "ACTIVE",
        build_seconds=None if ready is None else (ready - version.created_at).total_seconds(),
    )


def job_body(job: Job) -> JobBody:
    """Serialize a job; which worker has it is not public."""
    counts = job.checkpoint
    return _body(
        JobBody,
        job,
        stage=job.stage or "",
        rejected=counts.get("rejected", 0),
        rejected_by=counts.get("rejected_by", {}),
    )


def queued_job_body(job: Job) -> QueuedJobBody:
    """Serialize a job for the operator."""
    return _body(QueuedJobBody, job, stage=job.stage or "")


def usage_body(usage: MonthlyUsage) -> UsageBody:
    """Serialize an org's use of a month."""
    return _body(UsageBody, usage)


def erasure_body(erasure: Erasure) -> ErasureBody:
    """Serialize an erasure."""
    return _body(ErasureBody, erasure)


def event_body(event: StoredEvent) -> JobEvent:
    """Serialize an event of a job."""
    return _body(JobEvent, event, sequence=event.seq)


def rule_body(rule: StoredRule) -> RuleBody:
    """Serialize a text rule; its module is not shown."""
    return _body(RuleBody, rule)


def memo_body(memo: Memo) -> MemoBody:
    """Serialize a memo."""
    return _body(MemoBody, memo)


def memo_hit(memo: Memo, score: float) -> MemoHit:
    """Serialize a memo that was found."""
    return _body(MemoHit, memo, score=round(score, 4))


def _body(model: type[_Body], row: object, **others: object) -> _Body:
    """Return the row's fields that the wire has under the same names, and the others."""
    same = {name: getattr(row, name) for name in model.model_fields if hasattr(row, name)}
    times = {name: value.timestamp() for name, value in same.items() if isinstance(value, datetime)}
    return model.model_validate({**same, **times, **others})
