"""Routes of the operator: the queue with its dead letters, usage by month, erasure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, TypeAlias

from fastapi import FastAPI, Path, Query, Request, Response

from coco_core.errors import CocoError
from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.jobs import JobState
from coco_protocol.server.operating import (
    ErasureBody,
    ErasureList,
    Month,
    QueuedJobBody,
    QueuedJobList,
    RefusedRequeue,
    RequeueData,
    RequeueRequest,
    UsageData,
)
from coco_protocol.serving.answers import answer
from coco_protocol.serving.errors import request_id_of
from coco_server.api.routes.parameters import ProjectPath, Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import admin_only, own_org_only
from coco_server.auth.manage import manager_of
from coco_server.domain.requeue import requeue, requeue_all
from coco_server.domain.serializers import erasure_body, queued_job_body, usage_body
from coco_server.jobs import overview, queue
from coco_server.jobs.records import Job
from coco_server.store import erasures, usage_report
from coco_server.store.audit import Act
from coco_server.store.erasures import Erasure
from coco_server.store.session import SystemSession

__all__ = ["OperatingApi"]

JobPath: TypeAlias = Annotated[Identifier, Path(description="The job's id.")]
OrgPath: TypeAlias = Annotated[Identifier, Path(description="The org's id.")]
UserPath: TypeAlias = Annotated[Identifier, Path(description="The user's id.")]


class OperatingApi:
    """``/v1/sys/jobs``, ``/v1/sys/usage``, and what removes projects, orgs and users."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        job = "/v1/sys/jobs/{job_id}"
        add_routes(
            app,
            "operating",
            ("GET", "/v1/sys/jobs", self.jobs, Envelope[QueuedJobList]),
            ("POST", "/v1/sys/jobs/requeue", self.requeue_all, Envelope[RequeueData]),
            ("GET", job, self.job, Envelope[QueuedJobBody]),
            ("POST", job + "/requeue", self.requeue, Envelope[QueuedJobBody]),
            ("POST", job + "/cancel", self.cancel, Envelope[QueuedJobBody]),
            ("GET", "/v1/sys/usage", self.usage, Envelope[UsageData]),
            ("GET", "/v1/sys/erasures", self.erasures, Envelope[ErasureList]),
            ("DELETE", "/v1/projects/{project_id}", self.erase_project, Envelope[ErasureBody]),
            ("DELETE", "/v1/sys/orgs/{org_id}", self.erase_org, Envelope[ErasureBody]),
            ("DELETE", "/v1/sys/orgs/{org_id}/users/{user_id}", self.erase_user,
             Envelope[ErasureBody]),
        )  # fmt: skip

    async def jobs(
        self,
        request: Request,
        org_id: Annotated[Identifier | None, Query(description="Of this org only.")] = None,
        state: Annotated[JobState | None, Query(description="In this state only.")] = None,
        kind: Annotated[Identifier | None, Query(description="Of this kind only.")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    ) -> Response:
        """List the newest jobs of all orgs."""
        admin_only(request)

        def look(session: SystemSession) -> QueuedJobList:
            found = overview.list_jobs(session, org_id=org_id, state=state, kind=kind, most=limit)
            return QueuedJobList(jobs=[queued_job_body(each) for each in found])

        return answer(await self._services.in_system("status", look), request_id_of(request))

    async def job(self, request: Request, job_id: JobPath) -> Response:
        """Return a job of any org, with its worker and what replaces it."""
        admin_only(request)
        found = await self._services.in_system(
            "status", lambda session: overview.get(session, job_id)
        )
        return answer(queued_job_body(found), request_id_of(request))

    async def requeue(self, request: Request, job_id: JobPath) -> Response:
        """Give a failed job's work to a new job, which builds a new version."""
        admin_only(request)
        services = self._services
        manager = manager_of(request)

        def run() -> Job:
            with services.database.system() as session:
                found = overview.get(session, job_id)
            act = replace(
                manager.act("job.requeue", found.org_id, target=job_id),
                project_id=found.project_id,
            )
            return services.audit.by_steps(
                act, lambda note: requeue(services.database, services.blobs, job_id, note=note)
            )

        made = await services.pools.run("change", run)
        await services.dispatch(made.job_id)
        return answer(queued_job_body(made), request_id_of(request))

    async def requeue_all(self, request: Request, body: RequeueRequest | None = None) -> Response:
        """Requeue all failed jobs, or those of an org, a kind or an error's code."""
        admin_only(request)
        chosen = body or RequeueRequest()

        details = chosen.model_dump(exclude_none=True, exclude={"org_id"})
        act = manager_of(request).act("job.requeue", chosen.org_id, **details)

        def run(
            note: Callable[[SystemSession], None],
        ) -> tuple[list[Job], list[RefusedRequeue]]:
            with self._services.database.system() as session:
                note(session)
            made, refused = [], []
            for old, new in requeue_all(
                self._services.database,
                self._services.blobs,
                org_id=chosen.org_id,
                kind=chosen.kind,
                code=chosen.code,
            ):
                if isinstance(new, CocoError):
                    refused.append(
                        RefusedRequeue(job_id=old.job_id, code=new.code, message=new.message)
                    )
                else:
                    made.append(new)
            return made, refused

        made, refused = await self._services.pools.run(
            "change", self._services.audit.by_steps, act, run
        )
        for each in made:
            await self._services.dispatch(each.job_id)
        data = RequeueData(requeued=[queued_job_body(each) for each in made], refused=refused)
        return answer(data, request_id_of(request))

    async def cancel(self, request: Request, job_id: JobPath) -> Response:
        """Ask a job of any org to stop."""
        admin_only(request)

        manager = manager_of(request)

        def cancel() -> Job:
            with self._services.database.system() as session:
                found = overview.get(session, job_id)
            act = replace(
                manager.act("job.cancel", found.org_id, target=job_id), project_id=found.project_id
            )
            return self._services.audit.in_org(
                act, lambda session: queue.request_cancel(session, found.project_id, job_id)
            )

        found = await self._services.pools.run("change", cancel)
        await self._services.recall(job_id)
        return answer(queued_job_body(found), request_id_of(request))

    async def usage(
        self,
        request: Request,
        month: Annotated[
            Month | None, Query(description="Such as 2026-11 (UTC); otherwise this month.")
        ] = None,
        org_id: Annotated[Identifier | None, Query(description="Of this org only.")] = None,
    ) -> Response:
        """Return what each org used and held in a month; an org's manage key sees its own."""
        if org_id is None:
            admin_only(request)
        else:
            own_org_only(request, org_id, changing=True)
        chosen = month or datetime.now(UTC).strftime("%Y-%m")
        first = usage_report.first_day(chosen)

        def look(session: SystemSession) -> UsageData:
            usage_report.sample_held(session)
            found = usage_report.monthly(session, first, org_id)
            return UsageData(month=chosen, orgs=[usage_body(each) for each in found])

        await self._services.pools.run("status", self._services.queries.flush)
        return answer(await self._services.in_system("status", look), request_id_of(request))

    async def erasures(self, request: Request) -> Response:
        """List what was erased, and what is being erased."""
        admin_only(request)

        def look(session: SystemSession) -> ErasureList:
            return ErasureList(erasures=[erasure_body(each) for each in erasures.list_all(session)])

        return answer(await self._services.in_system("status", look), request_id_of(request))

    async def erase_project(self, tenant: Tenant, project_id: ProjectPath) -> Response:
        """Remove a project with its versions, imports, jobs and notes; nothing brings it back."""
        caller = await self._services.authorizer.authorize(
            tenant, "manage", "ingest", named=project_id
        )

        def begin(session: SystemSession) -> Erasure:
            return erasures.begin_project(session, caller.scope.org_id, project_id)

        act = caller.act("project.erase", project_id)
        return answer(await self._erase(act, begin), caller.request_id)

    async def erase_org(
        self,
        request: Request,
        org_id: OrgPath,
        name: Annotated[
            str, Query(max_length=200, description="Its name, as confirmation; required.")
        ] = "",
    ) -> Response:
        """Remove an org with everything that it has; nothing brings it back."""
        admin_only(request)

        def begin(session: SystemSession) -> Erasure:
            return erasures.begin_org(session, org_id, name)

        act = manager_of(request).act("org.erase", org_id, target=org_id)
        return answer(await self._erase(act, begin), request_id_of(request))

    async def erase_user(self, request: Request, org_id: OrgPath, user_id: UserPath) -> Response:
        """Remove a user's notes and sessions, and the user, from all projects of an org."""
        own_org_only(request, org_id, changing=True)
        manager = manager_of(request)
        manager.unbound()

        def begin(session: SystemSession) -> Erasure:
            return erasures.begin_user(session, org_id, user_id)

        # The user's id is what is erased: the log names the erasure instead.
        act = manager.act("user.erase", org_id)
        return answer(await self._erase(act, begin), request_id_of(request))

    async def _erase(self, act: Act, begin: Callable[[SystemSession], Erasure]) -> ErasureBody:
        audited = partial(
            self._services.audit.in_system,
            act,
            begin,
            after=lambda act, begun: replace(
                act, details={**act.details, "erasure_id": begun.erasure_id}
            ),
        )
        begun = await self._services.pools.run("change", audited)
        done = await self._services.pools.run("change", self._services.eraser.run, begun)
        return erasure_body(done)
