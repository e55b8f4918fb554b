"""Routes of the administrator: orgs and API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

from fastapi import FastAPI, Path, Query, Request, Response

from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.tenants import (
    KeyBody,
    KeyList,
    KeyRequest,
    NewKeyBody,
    OrgBody,
    OrgList,
    OrgRequest,
    RotateRequest,
)
from coco_protocol.serving.answers import answer
from coco_protocol.serving.errors import request_id_of
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.authorize import admin_only
from coco_server.domain.serializers import key_body, org_body, org_use
from coco_server.store import keys, orgs
from coco_server.store.keys import NewKey
from coco_server.store.session import SystemSession

__all__ = ["TenantsApi"]

OrgPath: TypeAlias = Annotated[Identifier, Path(description="The org's id.")]
KeyPath: TypeAlias = Annotated[Identifier, Path(description="The key's id; not the key itself.")]


class TenantsApi:
    """``/v1/sys/orgs`` and ``/v1/sys/keys``."""

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
            ("GET", "/v1/sys/keys", self.keys, Envelope[KeyList]),
            ("POST", "/v1/sys/keys", self.make_key, Envelope[NewKeyBody]),
            ("POST", "/v1/sys/keys/{key_id}/rotate", self.rotate_key, Envelope[NewKeyBody]),
            ("DELETE", "/v1/sys/keys/{key_id}", self.revoke_key, Envelope[KeyBody]),
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

        return answer(await self._services.in_system("change", save), request_id_of(request))

    async def org(self, request: Request, org_id: OrgPath) -> Response:
        """Return an org with what it holds and has used today."""
        admin_only(request)
        found = await self._services.in_system("status", lambda session: orgs.get(session, org_id))
        use = await self._services.in_org("status", org_id, org_use)
        return answer(org_body(found, use), request_id_of(request))

    async def keys(
        self,
        request: Request,
        org_id: Annotated[Identifier | None, Query(description="Of this org only.")] = None,
    ) -> Response:
        """List keys, without their secrets."""
        admin_only(request)

        def look(session: SystemSession) -> KeyList:
            return KeyList(keys=[key_body(key) for key in keys.list_of(session, org_id)])

        return answer(await self._services.in_system("status", look), request_id_of(request))

    async def make_key(self, request: Request, body: KeyRequest) -> Response:
        """Make a key for an org; its text is shown this once."""
        admin_only(request)

        def make(session: SystemSession) -> NewKeyBody:
            until = None
            if body.expires_in_days is not None:
                until = datetime.now(UTC) + timedelta(days=body.expires_in_days)
            orgs.get(session, body.org_id)
            scopes = list(dict.fromkeys(body.scopes))
            return _new(keys.create(session, body.org_id, body.name, scopes, expires_at=until))

        return answer(await self._services.in_system("change", make), request_id_of(request))

    async def rotate_key(
        self, request: Request, key_id: KeyPath, body: RotateRequest | None = None
    ) -> Response:
        """Make a new key like this one, which ends now or after `grace_seconds`."""
        admin_only(request)

        def rotate(session: SystemSession) -> NewKeyBody:
            grace = body.grace_seconds if body else 0
            until = datetime.now(UTC) + timedelta(seconds=grace) if grace else None
            return _new(keys.rotate(session, key_id, old_until=until))

        return answer(await self._services.in_system("change", rotate), request_id_of(request))

    async def revoke_key(self, request: Request, key_id: KeyPath) -> Response:
        """Let a key open nothing from now on."""
        admin_only(request)

        def revoke(session: SystemSession) -> KeyBody:
            return key_body(keys.revoke(session, key_id))

        return answer(await self._services.in_system("change", revoke), request_id_of(request))


def _new(made: NewKey) -> NewKeyBody:
    return NewKeyBody(**key_body(made.key).model_dump(), key=made.text)
