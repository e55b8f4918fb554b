"""Routes of documents: put, show, list, search, delete."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import anyio
from fastapi import FastAPI, Path, Query, Response

from coco_protocol.base import Answer
from coco_protocol.envelope import Envelope
from coco_protocol.server.docs import DocumentId, StartedData
from coco_protocol.server.documents import (
    MOST_WAIT_SECONDS,
    DocumentChange,
    DocumentDetail,
    DocumentList,
    DocumentParameters,
    DocumentPut,
    DocumentsDelete,
    DocumentsDeleted,
    DocumentSearch,
    ListParameters,
)
from coco_protocol.serving.answers import answer
from coco_protocol.serving.intents import read_filters
from coco_server.api.job_events import JobEventReader
from coco_server.api.routes.parameters import Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import Caller
from coco_server.domain.document_changes import DocumentChanges
from coco_server.domain.documents import Asked, list_documents, show
from coco_server.domain.import_jobs import ImportJobs
from coco_server.jobs import document_jobs
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.store.session import TenantSession

__all__ = ["DocumentsApi"]

DocumentPath: TypeAlias = Annotated[
    DocumentId, Path(description="The document's id, with slashes.")
]

Wait: TypeAlias = Annotated[
    float,
    Query(
        ge=0,
        le=MOST_WAIT_SECONDS,
        description="Seconds to wait for the job, so that the answer says what became of it.",
    ),
]


class DocumentsApi:
    """``/v1/docs/documents``."""

    def __init__(self, services: Services, reader: JobEventReader) -> None:
        self._services = services
        self._reader = reader
        jobs = ImportJobs(services.database, services.blobs, services.metrics)
        self._changes = DocumentChanges(services.database, services.blobs, jobs)

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        base = "/v1/docs/documents"
        # The id is the rest of the path.
        one = base + "/{doc_id:path}"
        add_routes(
            app,
            "documents",
            ("GET", base, self.documents, Envelope[DocumentList]),
            ("POST", base + "/search", self.search, Envelope[DocumentList]),
            ("GET", one, self.document, Envelope[DocumentDetail]),
        )
        add_routes(
            app,
            "documents",
            ("POST", base + "/delete", self.delete_matching, Envelope[DocumentsDeleted]),
            ("PUT", one, self.put, Envelope[DocumentChange]),
            ("DELETE", one, self.delete, Envelope[DocumentChange]),
            accepting=True,
        )

    async def documents(
        self, tenant: Tenant, asked: Annotated[ListParameters, Query()]
    ) -> Response:
        """List the documents of the active version in the order of their ids."""
        wanted = Asked(prefix=asked.prefix)
        return await self._list(tenant, wanted, asked.cursor, asked.limit)

    async def search(self, tenant: Tenant, body: DocumentSearch) -> Response:
        """Search documents by id, title, or the filters of queries."""
        wanted = Asked(
            prefix=body.prefix, contains=body.contains, filters=read_filters(body.filters)
        )
        return await self._list(tenant, wanted, body.cursor, body.limit)

    async def document(
        self, tenant: Tenant, doc_id: DocumentPath, page: Annotated[DocumentParameters, Query()]
    ) -> Response:
        """Return a document with its chunks, a page at a time, and its last job."""
        caller = await self._authorize(tenant)

        def look(session: TenantSession) -> DocumentDetail:
            return show(
                session,
                caller.scope.project_id,
                doc_id,
                page,
                caller.viewer,
                writes="ingest" in caller.key.scopes,
            )

        return await self._services.respond(caller, "status", look)

    async def put(
        self, tenant: Tenant, doc_id: DocumentPath, body: DocumentPut, wait: Wait = 0
    ) -> Response:
        """Add or replace one document; of the same content nothing happens."""
        caller = await self._authorize(tenant, changing=True)
        started = await self._services.pools.run("change", self._changes.put, caller, doc_id, body)
        if started is None:
            active = caller.project.active_version_id
            same = DocumentChange(doc_id=doc_id, changed=False, version_id=active)
            return answer(same, caller.request_id)
        return await self._changed(caller, doc_id, started, wait)

    async def delete(self, tenant: Tenant, doc_id: DocumentPath, wait: Wait = 0) -> Response:
        """Delete one document."""
        caller = await self._authorize(tenant, changing=True)
        started = await self._services.pools.run("change", self._changes.delete, caller, doc_id)
        return await self._changed(caller, doc_id, started, wait)

    async def delete_matching(
        self, tenant: Tenant, body: DocumentsDelete, wait: Wait = 0
    ) -> Response:
        """Delete all documents that meet every condition; with `dry_run` they are counted only."""
        caller = await self._authorize(tenant, changing=True)
        asked = Asked(tuple(body.doc_ids), body.prefix, body.contains, read_filters(body.filters))

        def start() -> tuple[DocumentsDeleted, StartedData | None]:
            return self._changes.delete_matching(caller, asked, caller.viewer, dry_run=body.dry_run)

        data, started = await self._services.pools.run("change", start)
        if started is None:
            return answer(data, caller.request_id)
        job = await self._follow(caller, started.job_id, wait)
        return _accepted(data.model_copy(update=_outcome(job)), job, caller)

    async def _list(self, tenant: Tenant, wanted: Asked, cursor: str, limit: int) -> Response:
        caller = await self._authorize(tenant)

        def look(session: TenantSession) -> DocumentList:
            project_id = caller.scope.project_id
            return list_documents(
                session, project_id, wanted, caller.viewer, cursor=cursor, limit=limit
            )

        return await self._services.respond(caller, "status", look)

    async def _changed(
        self, caller: Caller, doc_id: str, started: StartedData, wait: float
    ) -> Response:
        job = await self._follow(caller, started.job_id, wait)
        data = DocumentChange(doc_id=doc_id, changed=True)
        return _accepted(data.model_copy(update=_outcome(job)), job, caller)

    async def _follow(self, caller: Caller, job_id: str, wait: float) -> Job:
        """Hand the job to a worker, and wait for its end as long as the caller wishes."""
        await self._services.dispatch(job_id)
        if wait:
            with anyio.move_on_after(wait):
                feed = await self._reader.feed(caller.scope, job_id, 0)
                if feed is not None:
                    async for _ in feed:
                        pass

        def look(session: TenantSession) -> Job:
            return document_jobs.of_change(session, caller.scope.project_id, job_id)

        return await self._services.in_org("status", caller.scope.org_id, look)

    async def _authorize(self, tenant: Tenant, *, changing: bool = False) -> Caller:
        scope: Literal["ingest", "query"] = "ingest" if changing else "query"
        return await self._services.authorizer.authorize(tenant, scope, scope)


def _outcome(job: Job) -> dict[str, Any]:
    """Return what an answer says of a job."""
    result = job.result or {}
    return {
        "job_id": job.job_id,
        "state": job.state,
        "version_id": job.version_id if result.get("activated") else None,
        "error": job.error or result.get("held"),
    }


def _accepted(data: Answer, job: Job, caller: Caller) -> Response:
    """Answer 200 when the job has ended, and 202 while it has not."""
    found = answer(data, caller.request_id)
    found.status_code = 200 if job.state in DONE_STATES else 202
    return found
