"""Routes of API keys: for the administrator of all orgs, for a manage key of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Annotated, TypeAlias, TypeVar

from fastapi import FastAPI, Path, Query, Request, Response

from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.tenants import KeyBody, KeyList, KeyRequest, NewKeyBody, RotateRequest
from coco_protocol.serving.answers import answer
from coco_protocol.serving.errors import request_id_of
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.manage import manager_of
from coco_server.domain.serializers import key_body
from coco_server.store import keys, orgs, projects
from coco_server.store.audit import Act
from coco_server.store.keys import NewKey
from coco_server.store.session import SystemSession

__all__ = ["KeysApi"]

KeyPath: TypeAlias = Annotated[Identifier, Path(description="The key's id; not the key itself.")]

_Body = TypeVar("_Body", bound=KeyBody)


class KeysApi:
    """``/v1/sys/keys``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "keys",
            ("GET", "/v1/sys/keys", self.keys, Envelope[KeyList]),
            ("POST", "/v1/sys/keys", self.create, Envelope[NewKeyBody]),
            ("POST", "/v1/sys/keys/{key_id}/rotate", self.rotate, Envelope[NewKeyBody]),
            ("DELETE", "/v1/sys/keys/{key_id}", self.revoke, Envelope[KeyBody]),
        )

    async def keys(
        self,
        request: Request,
        org_id: Annotated[Identifier | None, Query(description="Of this org only.")] = None,
    ) -> Response:
        """List keys without their secrets; for a manage key those within its own projects."""
        manager = manager_of(request)
        org = manager.org(org_id)

        def look(session: SystemSession) -> KeyList:
            found = keys.list_of(session, org)
            return KeyList(keys=[key_body(key) for key in found if manager.sees(key.projects)])

        return answer(await self._services.in_system("status", look), request_id_of(request))

    async def create(self, request: Request, body: KeyRequest) -> Response:
        """Make a key for an org; its text is shown this once.

        A manage key gives at most the scopes, the projects and the time that it has itself.
        """
        manager = manager_of(request)
        manager.org(body.org_id)
        scopes, bound = list(dict.fromkeys(body.scopes)), list(dict.fromkeys(body.projects))
        days = body.expires_in_days

        def create(session: SystemSession) -> NewKeyBody:
            orgs.get(session, body.org_id)
            manager.check_grant(scopes, bound, body.users)
            projects.require_all(session, body.org_id, bound)
            made = keys.create(
                session,
                body.org_id,
                body.name,
                scopes,
                projects=bound,
                users=list(dict.fromkeys(body.users)),
                expires_in=None if days is None else timedelta(days=days),
                expires_at=manager.ends,
            )
            return _new(made)

        act = manager.act("key.create", body.org_id, name=body.name, scopes=scopes, projects=bound)
        return await self._change(
            request, act, create, lambda act, made: replace(act, target=made.key_id)
        )

    async def rotate(
        self, request: Request, key_id: KeyPath, body: RotateRequest | None = None
    ) -> Response:
        """Make a new key like this one, which ends now or after `grace_seconds`."""
        manager = manager_of(request)
        grace = body.grace_seconds if body else 0

        def rotate(session: SystemSession) -> NewKeyBody:
            old = manager.require_key(keys.get(session, key_id))
            manager.check_grant(old.scopes, old.projects, old.users)
            manager.check_takes_over(old)
            given = timedelta(seconds=grace) if grace else None
            return _new(keys.rotate(session, key_id, grace=given))

        act = manager.act("key.rotate", manager.org(None), target=key_id, grace_seconds=grace)
        return await self._change(request, act, rotate, _of_org)

    async def revoke(self, request: Request, key_id: KeyPath) -> Response:
        """Let a key open nothing from now on."""
        manager = manager_of(request)

        def revoke(session: SystemSession) -> KeyBody:
            manager.require_key(keys.get(session, key_id))
            return key_body(keys.revoke(session, key_id))

        act = manager.act("key.revoke", manager.org(None), target=key_id)
        return await self._change(request, act, revoke, _of_org)

    async def _change(
        self,
        request: Request,
        act: Act,
        work: Callable[[SystemSession], _Body],
        after: Callable[[Act, _Body], Act],
    ) -> Response:
        audited = partial(self._services.audit.in_system, act, work, after=after)
        return answer(await self._services.pools.run("change", audited), request_id_of(request))


def _of_org(act: Act, key: KeyBody) -> Act:
    """Name the key's org, and the new key if there is one."""
    made = {} if key.key_id == act.target else {"new_key_id": key.key_id}
    return replace(act, org_id=key.org_id, details={**act.details, **made})


def _new(made: NewKey) -> NewKeyBody:
    return NewKeyBody(**key_body(made.key).model_dump(), key=made.text)
