"""Composition root of the API service: builds what the routes use."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from fastapi import Response

from coco_embed.reranking.rerankers import Rerankers
from coco_embed.resolver import Embedders
from coco_protocol.base import Answer
from coco_protocol.operations import Lane
from coco_protocol.server.system import PartHealth, PartState, PruneData, PruneRequest
from coco_protocol.serving.answers import answer
from coco_protocol.serving.pools import ThreadPools
from coco_server.api.turns import KEY_CHECKS, Turns, thread_pools
from coco_server.auth.authenticate import Authenticator
from coco_server.auth.authorize import Authorizer, Caller
from coco_server.auth.key_checks import KeyChecks
from coco_server.auth.org_rate import OrgRate
from coco_server.domain.audit import AuditTrail
from coco_server.domain.erasure import Eraser
from coco_server.domain.health import Probes
from coco_server.domain.query_counter import QueryCounter
from coco_server.domain.retention import policy_of, prune
from coco_server.jobs.notifier import EventListener, JobNotifier, open_notifier
from coco_server.metrics import ServerMetrics
from coco_server.rpc.link import LinkStatus
from coco_server.rpc.links import WorkerLinks
from coco_server.rpc.tls import RpcTls
from coco_server.search.backend import executor_for
from coco_server.search.rerankers import server_rerankers
from coco_server.search.service import SearchService
from coco_server.settings import Settings
from coco_server.store import usage_report
from coco_server.store.audit import Act
from coco_server.store.blobs import BlobStore
from coco_server.store.replicas import Replicas
from coco_server.store.session import Database, SystemSession, TenantSession, TimeLimits
from coco_server.store.vector_backend import open_vectors
from coco_server.store.vectors import VectorStore

__all__ = ["Services", "build_services"]

_T = TypeVar("_T")
_AnswerT = TypeVar("_AnswerT", bound=Answer)

_WORKER_STATES: Mapping[LinkStatus, PartState] = {
    LinkStatus.READY: "ok",
    LinkStatus.DRAINING: "ok",
    LinkStatus.UNREACHABLE: "missing",
    LinkStatus.VERSION_MISMATCH: "mismatch",
}


@dataclass(slots=True)
class Services:
    """Everything that outlives a request."""

    settings: Settings
    database: Database
    key_database: Database
    """The same, over connections for checks of keys."""
    export_database: Database
    """The same, over connections that exports keep while their clients read."""
    blobs: BlobStore
    embedders: Embedders
    rerankers: Rerankers
    pools: ThreadPools
    metrics: ServerMetrics
    turns: Turns
    key_checks: KeyChecks
    org_rate: OrgRate
    authorizer: Authorizer
    audit: AuditTrail
    search: SearchService
    replicas: Replicas
    vectors: VectorStore
    notifier: JobNotifier
    event_listener: EventListener
    links: WorkerLinks
    eraser: Eraser
    probes: Probes
    queries: QueryCounter
    started_at: float = field(default_factory=time.time)
    draining: bool = False
    """Requests are served, and readiness says no: the service is about to stop."""
    stopping: bool = False

    def open(self) -> None:
        """Connect to the database, and begin to hear of jobs' events."""
        self.database.open()
        self.replicas.open()
        self.key_database.open()
        self.export_database.open()
        self.event_listener.start()
        self.queries.start()

    def close(self) -> None:
        """Let go of everything."""
        self.queries.close()
        self.event_listener.close()
        self.notifier.close()
        self.search.close()
        self.embedders.close()
        self.rerankers.close()
        self.export_database.close()
        self.key_database.close()
        self.replicas.close()
        self.database.close()

    def unready(self) -> str | None:
        """Return why requests cannot be served now, in words without secrets; None: they can."""
        if self.draining or self.stopping:
            return "The service is stopping."
        found = self.probes.database()
        if found.state == "ok":
            return None
        # Of a database that is away the log has the reason, which names hosts.
        return found.detail if found.state == "mismatch" else "The database does not answer."

    async def in_org(self, lane: Lane, org_id: str, work: Callable[[TenantSession], _T]) -> _T:
        """Run ``work`` on a thread of its lane, in one transaction of an org."""

        def run() -> _T:
            with self.database.tenant(org_id) as session:
                return work(session)

        return await self.pools.run(lane, run)

    async def respond(
        self, caller: Caller, lane: Lane, work: Callable[[TenantSession], Answer]
    ) -> Response:
        """Answer a caller with what ``work`` finds in their org."""
        return answer(await self.in_org(lane, caller.scope.org_id, work), caller.request_id)

    async def respond_audited(
        self,
        caller: Caller,
        act: Act,
        work: Callable[[TenantSession], _AnswerT],
        *,
        after: Callable[[Act, _AnswerT], Act] | None = None,
    ) -> Response:
        """Answer a caller with what ``work`` changes in their org, and log it."""
        audited = partial(self.audit.in_org, act, work, after=after)
        return answer(await self.pools.run("change", audited), caller.request_id)

    async def in_system(self, lane: Lane, work: Callable[[SystemSession], _T]) -> _T:
        """Run ``work`` on a thread of its lane, in one transaction over all orgs."""

        def run() -> _T:
            with self.database.system() as session:
                return work(session)

        return await self.pools.run(lane, run)

    async def dispatch(self, job_id: str) -> None:
        """Hand a job to a worker that is called directly, or wake those that look into the queue.

        The queue has the job in any case.
        """
        if not (self.links and await self.links.submit(job_id)):
            await self.pools.run("change", self.notifier.notify, job_id)

    async def recall(self, job_id: str) -> None:
        """Tell the worker that has a job to stop now; its heartbeat tells it in any case."""
        if self.links:
            await self.links.cancel(job_id)
        else:
            await self.pools.run("change", self.notifier.notify, job_id)

    def prune(self, wanted: PruneRequest) -> PruneData:
        """Remove, or with ``dry_run`` count, what the service's policy does not keep."""
        policy = policy_of(
            wanted,
            keep_versions=self.settings.retention_versions,
            hours=self.settings.retention_hours,
            job_hours=self.settings.retention_job_hours,
        )
        done = prune(
            self.database.unhurried(),
            wanted,
            policy,
            self.vectors,
            self.blobs,
            audit_days=self.settings.audit_days,
        )
        if not wanted.dry_run:
            self.metrics.pruned(done)
        return done

    def maintain(self) -> PruneData:
        """Go on with interrupted erasures, sample what orgs hold, and prune."""
        self.eraser.resume()
        with self.database.system() as session:
            usage_report.sample_held(session)
        return self.prune(PruneRequest())

    async def worker_health(self) -> list[PartHealth]:
        """Return the state of the workers that are called directly; numbered, not named."""
        states = await self.links.states()
        return [
            PartHealth(
                name=f"worker {number}",
                state=_WORKER_STATES[state.status],
                version=state.version or None,
                detail=state.detail,
            )
            for number, state in enumerate(states, 1)
        ]


def build_services(settings: Settings) -> Services:
    """Build what the settings describe; opens nothing yet."""
    preparing = settings.db_prepare
    limits = TimeLimits(settings.query_timeout_seconds, settings.change_timeout_seconds)

    def database_for(name: str, most: int) -> Database:
        return Database(settings.meta_db, most=most, name=name, preparing=preparing, limits=limits)

    database = database_for("coco-server", settings.db_connections)
    key_database = database_for("coco-server-keys", KEY_CHECKS)
    exports = database_for("coco-server-exports", settings.exports_at_once)
    replicas = Replicas(
        settings.meta_db_replica,
        most=settings.db_connections,
        preparing=preparing,
        limits=limits,
    )
    pools = thread_pools(settings.db_connections, settings.exports_at_once)
    metrics = ServerMetrics()
    embedders = Embedders(settings.embedding)
    rerankers = server_rerankers(settings)
    vectors = open_vectors(
        settings.vector_backend,
        url=settings.vector_db_url,
        prefix=settings.vector_db_collection_prefix,
        api_key=settings.vector_db_api_key,
    )
    blobs = BlobStore(settings.blob_url)
    return Services(
        settings=settings,
        database=database,
        key_database=key_database,
        export_database=exports,
        blobs=blobs,
        embedders=embedders,
        rerankers=rerankers,
        pools=pools,
        metrics=metrics,
        turns=Turns.for_exports(settings.exports_at_once),
        key_checks=KeyChecks(
            Authenticator(settings, key_database),
            pools,
            wrong_per_minute=settings.wrong_keys_per_min,
        ),
        org_rate=OrgRate(settings, database, pools, metrics),
        authorizer=Authorizer(settings, database, pools, metrics),
        audit=AuditTrail(database),
        search=SearchService(
            database, embedders, executor_for(vectors), rerankers=rerankers, replicas=replicas
        ),
        replicas=replicas,
        vectors=vectors,
        notifier=open_notifier(settings),
        event_listener=EventListener(settings.listen_db or settings.meta_db),
        links=_worker_links(settings),
        eraser=Eraser(database, blobs, vectors),
        queries=QueryCounter(database),
        # Not through the queries' connections: a busy service is ready.
        probes=Probes(settings, key_database, blobs, embedders, vectors),
    )


def _worker_links(settings: Settings) -> WorkerLinks:
    tls = RpcTls(settings.worker_tls_ca, settings.worker_tls_cert, settings.worker_tls_key)
    return WorkerLinks(settings.worker_addr, tls)
