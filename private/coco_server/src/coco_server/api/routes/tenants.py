"""Routes of the administrator: orgs, and where their users sign in."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from typing import Annotated, TypeAlias

from fastapi import FastAPI, Path, Request, Response

from coco_core.errors import InvalidInput
from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.tenants import OrgBody, OrgList, OrgRequest, SignInRequest
from coco_protocol.serving.answers import answer
from coco_protocol.serving.errors import request_id_of
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import admin_only
from coco_server.auth.manage import manager_of
from coco_server.domain.serializers import org_body, org_use
from coco_server.settings import fetched_safely
from coco_server.store import orgs
from coco_server.store.session import SystemSession

__all__ = ["TenantsApi"]

OrgPath: TypeAlias = Annotated[Identifier, Path(description="The org's id.")]


class TenantsApi:
    """``/v1/sys/orgs``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "admin",
            ("GET", "/v1/sys/orgs", self.orgs, Envelope[OrgList]),
            ("POST", "/v1/sys/orgs", self.save_org, Envelope[OrgBody]),
            ("GET", "/v1/sys/orgs/{org_id}", self.org, Envelope[OrgBody]),
            ("PUT", "/v1/sys/orgs/{org_id}/sign-in", self.set_sign_in, Envelope[OrgBody]),
            ("DELETE", "/v1/sys/orgs/{org_id}/sign-in", self.drop_sign_in, Envelope[OrgBody]),
        )

    async def orgs(self, request: Request) -> Response:
        """List all orgs."""
        admin_only(request)

        def look(session: SystemSession) -> OrgList:
            return OrgList(orgs=[org_body(org) for org in orgs.list_all(session)])

        return answer(await self._services.in_system("status", look), request_id_of(request))

    async def save_org(self, request: Request, body: OrgRequest) -> Response:
        """Create an org, or change the name and limits of the one with this id."""
        admin_only(request)

        def save(session: SystemSession) -> OrgBody:
            own: dict[str, object] = dict(body.limits.items())
            return org_body(orgs.save(session, body.name, org_id=body.org_id, limits=own))

        act = manager_of(request).act("org.save", body.org_id, target=body.org_id)
        data = await self._services.pools.run(
            "change",
            partial(
                self._services.audit.in_system,
                act,
                save,
                after=lambda act, org: replace(act, org_id=org.org_id, target=org.org_id),
            ),
        )
        return answer(data, request_id_of(request))

    async def org(self, request: Request, org_id: OrgPath) -> Response:
        """Return an org with what it holds and has used today."""
        admin_only(request)
        found = await self._services.in_system("status", lambda session: orgs.get(session, org_id))
        use = await self._services.in_org("status", org_id, org_use)
        return answer(org_body(found, use), request_id_of(request))

    async def set_sign_in(self, request: Request, org_id: OrgPath, body: SignInRequest) -> Response:
        """Say whose user tokens the org takes, instead of the issuer in the service's settings."""
        admin_only(request)
        if body.jwks_url is not None and not fetched_safely(body.jwks_url):
            raise InvalidInput(
                f"jwks_url is {body.jwks_url!r}: keys must not cross a network in the clear.",
                hint="Use https; http only for an address of the service's own machine.",
            )
        stored = body.model_dump(exclude={"jwks_url", "jwks"}) | {
            "key_set": body.jwks_url or json.dumps(body.jwks)
        }
        return await self._sign_in(request, org_id, stored)

    async def drop_sign_in(self, request: Request, org_id: OrgPath) -> Response:
        """Take the user tokens again that the service's settings name."""
        admin_only(request)
        return await self._sign_in(request, org_id, None)

    async def _sign_in(
        self, request: Request, org_id: str, stored: dict[str, object] | None
    ) -> Response:
        issuer = None if stored is None else stored["issuer"]
        act = manager_of(request).act("org.sign_in", org_id, target=org_id, issuer=issuer)

        def save(session: SystemSession) -> OrgBody:
            return org_body(orgs.set_sign_in(session, org_id, stored))

        data = await self._services.pools.run("change", self._services.audit.in_system, act, save)
        return answer(data, request_id_of(request))
