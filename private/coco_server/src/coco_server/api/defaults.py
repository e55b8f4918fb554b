"""Routes of a project's defaults: what its queries take when they say nothing else."""

from __future__ import annotations

from fastapi import FastAPI, Request, Response

from coco_core.search.request import SearchRequest
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.docs import FiltersBody
from coco_protocol.envelope import Envelope
from coco_protocol.serving.answers import answer
from coco_protocol.serving.intents import retrieval_intent
from coco_server.api.admission import TenantHeaders
from coco_server.api.bodies import defaults_body
from coco_server.api.projects import ProjectPath
from coco_server.api.routes import add_routes
from coco_server.api.services import Services
from coco_server.store import defaults

__all__ = ["DefaultsApi"]


class DefaultsApi:
    """``/v1/projects/{id}/defaults``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        path = "/v1/projects/{project_id}/defaults"
        add_routes(
            app,
            "projects",
            ("GET", path, self.defaults, Envelope[DefaultsBody]),
            ("PUT", path, self.adopt, Envelope[DefaultsBody]),
        )

    async def defaults(
        self, request: Request, project_id: ProjectPath, headers: TenantHeaders
    ) -> Response:
        """Return what the project's queries take when they say nothing else."""
        caller = await self._services.admission.enter(
            request, headers, "query", "query", named=project_id
        )
        return answer(defaults_body(caller.project), caller.request_id)

    async def adopt(
        self,
        request: Request,
        project_id: ProjectPath,
        headers: TenantHeaders,
        body: DefaultsRequest,
    ) -> Response:
        """Change the defaults in one step: the index that answers, and the retrieval config.

        Of the named indexing config the newest complete version is activated.
        """
        caller = await self._services.admission.enter(
            request, headers, "manage", "query", named=project_id
        )
        retrieval = body.retrieval_config
        if retrieval is not None:
            # What no query could be answered with must not become every query's default.
            SearchRequest.of(retrieval_intent("?", retrieval, FiltersBody()))

        def adopt() -> DefaultsBody:
            with self._services.database.tenant(caller.scope.org_id) as session:
                project = defaults.adopt(
                    session,
                    project_id,
                    config_id=body.indexing_config_id,
                    query_config_id=body.query_config_id,
                    retrieval_config=(
                        None if retrieval is None else retrieval.model_dump(exclude_unset=True)
                    ),
                )
            return defaults_body(project)

        return answer(await self._services.threads.change(adopt), caller.request_id)
