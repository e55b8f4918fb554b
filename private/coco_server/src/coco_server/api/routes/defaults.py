"""Routes of project defaults."""

from __future__ import annotations

from fastapi import FastAPI, Response

from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.docs import FiltersBody
from coco_protocol.envelope import Envelope
from coco_protocol.serving.answers import answer
from coco_protocol.serving.intents import retrieval_intent
from coco_server.api.routes.parameters import ProjectPath, Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.domain.serializers import defaults_body
from coco_server.store import defaults
from coco_server.store.session import TenantSession

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

    async def defaults(self, tenant: Tenant, project_id: ProjectPath) -> Response:
        """Return the project's defaults: active index, and values for what queries leave out."""
        caller = await self._services.authorizer.authorize(
            tenant, "query", "query", named=project_id
        )
        return answer(defaults_body(caller.project), caller.request_id)

    async def adopt(
        self, tenant: Tenant, project_id: ProjectPath, body: DefaultsRequest
    ) -> Response:
        """Change the defaults in one step: the index that answers, and the retrieval config.

        Of the named indexing config the newest complete version is activated.
        """
        caller = await self._services.authorizer.authorize(
            tenant, "manage", "query", named=project_id
        )
        retrieval = body.retrieval_config
        if retrieval is not None:
            # What no query could be answered with must not become every query's default.
            intent = retrieval_intent("?", retrieval, FiltersBody())
            if intent.reranker is not None:
                self._services.rerankers.seconds(intent.reranker.model_name)

        def adopt(session: TenantSession) -> DefaultsBody:
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

        act = caller.act("project.defaults", project_id, **body.model_dump(exclude_unset=True))
        return await self._services.respond_audited(caller, act, adopt)
