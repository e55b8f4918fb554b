"""Routes of the registry, and how a request names its project."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import FastAPI, Header, Path, Request, Response

from coco_core.errors import InvalidInput
from coco_local.api.workers import Workers
from coco_local.service import LocalService
from coco_protocol.base import Identifier
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.envelope import HEADER_PROJECT, Envelope
from coco_protocol.projects import (
    IndexList,
    ProjectBody,
    ProjectList,
    RegisterData,
    RegisterRequest,
    RescanData,
)
from coco_protocol.serving.answers import ERRORS, answer
from coco_protocol.serving.errors import request_id_of

__all__ = ["ProjectHeader", "ProjectsApi", "chosen_project"]

ProjectHeader: TypeAlias = Annotated[
    Identifier | None, Header(alias=HEADER_PROJECT, description="The project, by its id.")
]

ProjectId: TypeAlias = Annotated[Identifier, Path(description="The project's id.")]
ConfigId: TypeAlias = Annotated[Identifier, Path(description="The indexing config of an index.")]


def chosen_project(header: str | None, body: str | None) -> str | None:
    """Return the project that a request names.

    Raises:
        InvalidInput: header and body name different projects.
    """
    if header is not None and body is not None and header != body:
        raise InvalidInput(
            f"The header {HEADER_PROJECT} names the project {header!r} and the body {body!r}.",
            hint="Name the project once.",
            details={"header": header, "body": body},
        )
    return header if header is not None else body


class ProjectsApi:
    """``/v1/projects`` and ``/v1/sys/register``."""

    def __init__(self, service: LocalService, workers: Workers) -> None:
        self._service = service
        self._workers = workers

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        for path, endpoint, method, model in (
            ("/v1/sys/register", self.register, "POST", Envelope[RegisterData]),
            ("/v1/projects", self.projects, "GET", Envelope[ProjectList]),
            ("/v1/projects/{project_id}", self.project, "GET", Envelope[ProjectBody]),
            ("/v1/projects/{project_id}", self.forget, "DELETE", Envelope[ProjectBody]),
            ("/v1/projects/{project_id}/rescan", self.rescan, "POST", Envelope[RescanData]),
            ("/v1/projects/{project_id}/indexes", self.indexes, "GET", Envelope[IndexList]),
            (
                "/v1/projects/{project_id}/indexes/{config_id}",
                self.drop_index,
                "DELETE",
                Envelope[IndexList],
            ),
            ("/v1/projects/{project_id}/defaults", self.defaults, "GET", Envelope[DefaultsBody]),
            ("/v1/projects/{project_id}/defaults", self.adopt, "PUT", Envelope[DefaultsBody]),
        ):
            app.add_api_route(
                path,
                endpoint,
                methods=[method],
                response_model=model,
                responses=ERRORS,
                tags=["projects"],
            )

    async def register(self, request: Request, body: RegisterRequest) -> Response:
        """Register a directory; a new one is indexed in the background, a known one stays as is."""
        data = await self._workers.change(self._service.register, body)
        return answer(data, request_id_of(request))

    async def projects(self, request: Request) -> Response:
        """List all projects with the state of their indexes."""
        return answer(await self._workers.status(self._service.projects), request_id_of(request))

    async def project(self, request: Request, project_id: ProjectId) -> Response:
        """Return one project with the state of its index."""
        data = await self._workers.status(self._service.project, project_id)
        return answer(data, request_id_of(request))

    async def forget(self, request: Request, project_id: ProjectId) -> Response:
        """Remove a project and its indexes; its files stay."""
        data = await self._workers.change(self._service.forget, project_id)
        return answer(data, request_id_of(request))

    async def rescan(self, request: Request, project_id: ProjectId) -> Response:
        """Look now for changes that the watcher missed."""
        data = await self._workers.change(self._service.rescan, project_id)
        return answer(data, request_id_of(request))

    async def indexes(self, request: Request, project_id: ProjectId) -> Response:
        """List the indexes of a project with state and size, the active one first."""
        data = await self._workers.status(self._service.indexes, project_id)
        return answer(data, request_id_of(request))

    async def drop_index(
        self, request: Request, project_id: ProjectId, config_id: ConfigId
    ) -> Response:
        """Remove an index that is not the active one; the answer lists those that are left."""
        data = await self._workers.change(self._service.drop_index, project_id, config_id)
        return answer(data, request_id_of(request))

    async def defaults(self, request: Request, project_id: ProjectId) -> Response:
        """Return what the project's queries take when they say nothing else."""
        data = await self._workers.status(self._service.defaults, project_id)
        return answer(data, request_id_of(request))

    async def adopt(
        self, request: Request, project_id: ProjectId, body: DefaultsRequest
    ) -> Response:
        """Change that; an index that is not complete is built, and the one before answers on."""
        data = await self._workers.change(self._service.set_defaults, project_id, body)
        return answer(data, request_id_of(request))
