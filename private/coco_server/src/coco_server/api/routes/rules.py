"""Routes of text rules: an org's WebAssembly modules that change texts before they are indexed."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypeAlias

from fastapi import FastAPI, Path, Query, Request, Response

from coco_core.errors import BodyTooLarge, UnsupportedMediaType
from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.memos import DeletedData
from coco_protocol.server.rules import RuleBody, RuleList
from coco_protocol.serving.answers import answer
from coco_server.api.routes.parameters import Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.manage import manager_of
from coco_server.domain.rules import delete_rule, register_rule
from coco_server.domain.serializers import rule_body
from coco_server.store import rules
from coco_server.store.session import TenantSession

__all__ = ["RulesApi"]

RulePath: TypeAlias = Annotated[Identifier, Path(description="The rule's id.")]
RuleName: TypeAlias = Annotated[
    Identifier | None, Query(description="What people call the rule; without it, its checksum.")
]

# As the sandbox takes.
_MOST_BYTES = 1 << 20
_MEDIA = "application/wasm"
_BYTES = {"type": "string", "format": "binary"}
_BODY = {"requestBody": {"required": True, "content": {_MEDIA: {"schema": _BYTES}}}}


class RulesApi:
    """``/v1/rules``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "rules",
            ("GET", "/v1/rules", self.rules, Envelope[RuleList]),
            ("DELETE", "/v1/rules/{rule_id}", self.delete, Envelope[DeletedData]),
        )
        add_routes(
            app,
            "rules",
            ("POST", "/v1/rules", self.register, Envelope[RuleBody]),
            openapi_extra=_BODY,
        )

    async def rules(self, tenant: Tenant) -> Response:
        """List the org's text rules."""
        caller = await self._services.authorizer.authorize(tenant, "manage", "query")

        def look(session: TenantSession) -> RuleList:
            return RuleList(rules=[rule_body(each) for each in rules.list_of(session)])

        return await self._services.respond(caller, "status", look)

    async def register(self, tenant: Tenant, request: Request, name: RuleName = None) -> Response:
        """Register a text rule: the body is the module, of type application/wasm.

        The same module again changes nothing.
        """
        caller = await self._services.authorizer.authorize(tenant, "manage", "ingest")
        manager_of(request).unbound()
        module = await _module(request)
        services = self._services
        begin = partial(services.database.tenant, caller.scope.org_id)
        work = partial(register_rule, begin, services.blobs, name, module)
        act = caller.act("rule.register", name=name)
        made = await services.pools.run("change", services.audit.by_steps, act, work)
        return answer(rule_body(made), caller.request_id)

    async def delete(self, tenant: Tenant, request: Request, rule_id: RulePath) -> Response:
        """Remove a text rule; imports that name it fail from now on."""
        caller = await self._services.authorizer.authorize(tenant, "manage", "ingest")
        manager_of(request).unbound()
        services = self._services
        begin = partial(services.database.tenant, caller.scope.org_id)
        work = partial(delete_rule, begin, services.blobs, rule_id)
        act = caller.act("rule.remove", rule_id)
        gone = await services.pools.run("change", services.audit.by_steps, act, work)
        return answer(DeletedData(deleted=gone.rule_id), caller.request_id)


async def _module(request: Request) -> bytes:
    media = (request.headers.get("content-type") or "").partition(";")[0].strip().lower()
    if media != _MEDIA:
        raise UnsupportedMediaType(
            f"The content type is {media!r}; this route reads {_MEDIA}.",
            hint=f"Send the module itself with the header 'content-type: {_MEDIA}'.",
        )
    module = bytearray()
    async for piece in request.stream():
        module += piece
        if len(module) > _MOST_BYTES:
            raise BodyTooLarge(
                f"The module has more than {_MOST_BYTES} bytes.",
                hint="Build it for size, without its symbols.",
            )
    return bytes(module)
