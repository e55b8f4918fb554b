"""Routes of indexing configs: an org's own, immutable once registered."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import FastAPI, Path, Request, Response

from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.configs import ConfigBody, ConfigList, ConfigRequest
from coco_protocol.serving.answers import answer
from coco_protocol.serving.errors import request_id_of
from coco_server.api.routes.parameters import OrgHeader
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import own_org_only
from coco_server.auth.manage import actor_of
from coco_server.domain.configs import register_config
from coco_server.domain.serializers import config_body
from coco_server.store import configs, orgs
from coco_server.store.audit import Act
from coco_server.store.session import TenantSession

__all__ = ["ConfigsApi"]

ConfigPath: TypeAlias = Annotated[Identifier, Path(description="The config's id.")]


class ConfigsApi:
    """``/v1/sys/configs``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "configs",
            ("GET", "/v1/sys/configs", self.configs, Envelope[ConfigList]),
            ("POST", "/v1/sys/configs", self.register, Envelope[ConfigBody]),
            ("GET", "/v1/sys/configs/{config_id}", self.config, Envelope[ConfigBody]),
        )

    async def configs(self, request: Request, org: OrgHeader) -> Response:
        """List the indexing configs of an org."""
        own_org_only(request, org)

        def look(session: TenantSession) -> ConfigList:
            orgs.get(session, org)
            return ConfigList(configs=[config_body(each) for each in configs.list_all(session)])

        return answer(await self._services.in_org("status", org, look), request_id_of(request))

    async def register(self, request: Request, body: ConfigRequest, org: OrgHeader) -> Response:
        """Register an indexing config; again with the same content changes nothing."""
        own_org_only(request, org, changing=True)
        config = body.to_config()
        dimension = body.dimension
        if dimension is None:
            dimension = await self._services.pools.run(
                "change", self._services.embedders.dimension, config.embedding
            )

        length = dimension

        def register(session: TenantSession) -> ConfigBody:
            orgs.get(session, org)
            return config_body(register_config(session, config, length))

        act = Act(actor_of(request), "config.register", org_id=org, target=config.config_id)
        data = await self._services.pools.run("change", self._services.audit.in_org, act, register)
        return answer(data, request_id_of(request))

    async def config(self, request: Request, config_id: ConfigPath, org: OrgHeader) -> Response:
        """Return one indexing config."""
        own_org_only(request, org)

        def look(session: TenantSession) -> ConfigBody:
            return config_body(configs.get(session, config_id))

        return answer(await self._services.in_org("status", org, look), request_id_of(request))
