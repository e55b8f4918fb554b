"""Routes of retrieval: query, related, outline, grep, read, listings, import and index."""

from __future__ import annotations

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response

from coco_local.api.projects import ProjectHeader, chosen_project
from coco_local.api.workers import Workers
from coco_local.service import LocalService
from coco_protocol.base import Identifier, PathText, PlainText
from coco_protocol.docs import (
    ChunksData,
    DocumentsData,
    GrepData,
    GrepRequest,
    ImportData,
    ImportRequest,
    IndexRequest,
    OutlineData,
    QueryEnvelope,
    QueryRequest,
    ReadData,
    ReadRequest,
    RelatedRequest,
)
from coco_protocol.envelope import Envelope
from coco_protocol.serving.answers import ERRORS, answer
from coco_protocol.serving.errors import request_id_of

__all__ = ["DocsApi"]


class DocsApi:
    """``/v1/docs``."""

    def __init__(self, service: LocalService, workers: Workers) -> None:
        self._service = service
        self._workers = workers

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        for path, endpoint, method, model in (
            ("/v1/docs/query", self.query, "POST", QueryEnvelope),
            ("/v1/docs/related", self.related, "POST", QueryEnvelope),
            ("/v1/docs/outline", self.outline, "GET", Envelope[OutlineData]),
            ("/v1/docs/list", self.documents, "GET", Envelope[DocumentsData]),
            ("/v1/docs/chunks", self.chunks, "GET", Envelope[ChunksData]),
            ("/v1/docs/grep", self.grep, "POST", Envelope[GrepData]),
            ("/v1/docs/read", self.read, "POST", Envelope[ReadData]),
            ("/v1/docs/import", self.import_paths, "POST", Envelope[ImportData]),
            ("/v1/docs/index", self.index, "POST", Envelope[ImportData]),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=[method],
                response_model=model,
                responses=ERRORS,
                tags=["docs"],
            )

    async def query(
        self, request: Request, body: QueryRequest, project: ProjectHeader = None
    ) -> Response:
        """Search a project by meaning and by words; hits are as they stand on disk now."""
        project_id = chosen_project(project, body.project_id)
        meta, data = await self._workers.query(self._service.query, body, project_id)
        return answer(data, request_id_of(request), meta)

    async def related(
        self, request: Request, body: RelatedRequest, project: ProjectHeader = None
    ) -> Response:
        """Return chunks like the one at a line, or like the one with an id."""
        project_id = chosen_project(project, body.project_id)
        meta, data = await self._workers.query(self._service.related, body, project_id)
        return answer(data, request_id_of(request), meta)

    async def outline(
        self,
        request: Request,
        doc_id: Annotated[PathText, Query(description="The file, relative to the project.")],
        project_id: Annotated[
            Identifier | None, Query(description="Instead of the header.")
        ] = None,
        path: Annotated[PathText | None, Query(description="A place in the project.")] = None,
        project: ProjectHeader = None,
    ) -> Response:
        """List the symbols or headings of a file, in order."""
        chosen = chosen_project(project, project_id)
        data = await self._workers.query(self._service.outline, doc_id, chosen, path)
        return answer(data, request_id_of(request))

    async def documents(
        self,
        request: Request,
        *,
        after: Annotated[PlainText, Query(max_length=4096, description="The last id seen.")] = "",
        limit: Annotated[int, Query(ge=1, le=10_000)] = 1000,
        project_id: Annotated[
            Identifier | None, Query(description="Instead of the header.")
        ] = None,
        path: Annotated[PathText | None, Query(description="A place in the project.")] = None,
        project: ProjectHeader = None,
    ) -> Response:
        """List the documents of a project's index by id, with what tells a change of each."""
        chosen = chosen_project(project, project_id)
        data = await self._workers.query(self._service.documents, chosen, path, after, limit)
        return answer(data, request_id_of(request))

    async def chunks(
        self,
        request: Request,
        doc_id: Annotated[PathText, Query(description="The file, relative to the project.")],
        project_id: Annotated[
            Identifier | None, Query(description="Instead of the header.")
        ] = None,
        path: Annotated[PathText | None, Query(description="A place in the project.")] = None,
        project: ProjectHeader = None,
    ) -> Response:
        """Cut a file as the project's index does, as it is on disk now."""
        chosen = chosen_project(project, project_id)
        data = await self._workers.query(self._service.chunks, doc_id, chosen, path)
        return answer(data, request_id_of(request))

    async def grep(
        self, request: Request, body: GrepRequest, project: ProjectHeader = None
    ) -> Response:
        """Search the text of a project's files as they are now."""
        project_id = chosen_project(project, body.project_id)
        data = await self._workers.query(self._service.grep, body, project_id)
        return answer(data, request_id_of(request))

    async def read(
        self, request: Request, body: ReadRequest, project: ProjectHeader = None
    ) -> Response:
        """Return lines of a project's file from disk."""
        project_id = chosen_project(project, body.project_id)
        data = await self._workers.query(self._service.read, body, project_id)
        return answer(data, request_id_of(request))

    async def import_paths(self, request: Request, body: ImportRequest) -> Response:
        """Register directories and index them; the answer names the jobs."""
        data = await self._workers.change(self._service.import_paths, body)
        return answer(data, request_id_of(request))

    async def index(
        self, request: Request, body: IndexRequest, project: ProjectHeader = None
    ) -> Response:
        """Bring a project's index up to date, or build it anew; the answer names the job."""
        project_id = chosen_project(project, body.project_id)
        data = await self._workers.change(self._service.index, body, project_id)
        return answer(data, request_id_of(request))
