"""Routes of memos: a user's notes in a project, with a session token."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from fastapi import FastAPI, Header, Path, Query, Response

from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.memos import (
    DeletedData,
    DeletedMemos,
    MemoBody,
    MemoList,
    MemoQueryData,
    MemoQueryRequest,
    MemoRequest,
    MemoSessionData,
    MemoSessionRequest,
)
from coco_server.api.routes.parameters import Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.auth.act_for import require_may_act_for
from coco_server.auth.authorize import Caller
from coco_server.domain.serializers import memo_body, memo_hit
from coco_server.store import memos
from coco_server.store.session import TenantSession

__all__ = ["MemosApi"]

MemoPath: TypeAlias = Annotated[Identifier, Path(description="The memo's id.")]
TokenHeader: TypeAlias = Annotated[
    Identifier, Header(alias="x-coco-session-token", description="What the session answered.")
]
BeforeMemo: TypeAlias = Annotated[
    Identifier | None,
    Query(
        # Any other text would stand before or behind all notes.
        pattern="^memo_[0-9a-z]{26}$",
        description="`next_before` of the page before, as it is.",
    ),
]


class MemosApi:
    """``/v1/memo``."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "memo",
            ("POST", "/v1/memo/session", self.begin, Envelope[MemoSessionData]),
            ("POST", "/v1/memo", self.create, Envelope[MemoBody]),
            ("GET", "/v1/memo", self.memos, Envelope[MemoList]),
            ("POST", "/v1/memo/query", self.query, Envelope[MemoQueryData]),
            ("DELETE", "/v1/memo", self.delete_all, Envelope[DeletedMemos]),
            ("DELETE", "/v1/memo/{memo_id}", self.delete, Envelope[DeletedData]),
        )

    async def begin(self, tenant: Tenant, body: MemoSessionRequest | None = None) -> Response:
        """Begin a session of the user in the project; its token is shown this once.

        The user's own token vouches for the user, or the key: it has the scope impersonate, or
        names the user.
        """
        caller = await self._authorize(tenant)
        require_may_act_for(tenant.connection, caller.key, caller.scope.user_id)
        ttl = (body or MemoSessionRequest()).ttl_seconds

        def begin(session: TenantSession) -> MemoSessionData:
            made, token = memos.open_session(session, caller.scope, ttl_seconds=ttl)
            return MemoSessionData(
                session_id=made.session_id,
                session_token=token,
                expires_at=made.expires_at.timestamp(),
            )

        return await self._services.respond(caller, "change", begin)

    async def create(self, tenant: Tenant, body: MemoRequest) -> Response:
        """Keep a note; it can be found at once."""
        caller = await self._authorize(tenant)

        def create(session: TenantSession) -> MemoBody:
            owner = memos.require_session(session, caller.scope, body.session_token)
            made = memos.create(
                session,
                owner,
                body.content,
                tags=body.tags,
                ttl_seconds=body.ttl_seconds,
                quotas=caller.quotas,
            )
            return memo_body(made)

        return await self._services.respond(caller, "change", create)

    async def memos(
        self,
        tenant: Tenant,
        token: TokenHeader,
        before: BeforeMemo = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
    ) -> Response:
        """List the user's notes in the project, newest first, a page at a time."""
        caller = await self._authorize(tenant)

        def look(session: TenantSession) -> MemoList:
            owner = memos.require_session(session, caller.scope, token)
            found = memos.list_of(session, owner, before=before, most=limit + 1)
            page = [memo_body(memo) for memo in found[:limit]]
            return MemoList(memos=page, next_before=page[-1].memo_id if found[limit:] else None)

        return await self._services.respond(caller, "status", look)

    async def query(self, tenant: Tenant, body: MemoQueryRequest) -> Response:
        """Search the user's notes by words; the answer is always fresh."""
        caller = await self._authorize(tenant)

        def look(session: TenantSession) -> MemoQueryData:
            owner = memos.require_session(session, caller.scope, body.session_token)
            best = memos.search(session, owner, body.query, tags=body.tags, most=body.top_k)
            return MemoQueryData(results=[memo_hit(memo, score) for memo, score in best])

        return await self._services.respond(caller, "query", look)

    async def delete(self, tenant: Tenant, memo_id: MemoPath, token: TokenHeader) -> Response:
        """Remove a note."""
        caller = await self._authorize(tenant)

        def delete(session: TenantSession) -> DeletedData:
            owner = memos.require_session(session, caller.scope, token)
            memos.delete(session, owner, memo_id)
            return DeletedData(deleted=memo_id)

        return await self._services.respond(caller, "change", delete)

    async def delete_all(self, tenant: Tenant, token: TokenHeader) -> Response:
        """Remove all of the user's notes in the project."""
        caller = await self._authorize(tenant)

        def delete(session: TenantSession) -> DeletedMemos:
            owner = memos.require_session(session, caller.scope, token)
            return DeletedMemos(memos=memos.delete_all(session, owner))

        return await self._services.respond(caller, "change", delete)

    async def _authorize(self, tenant: Tenant) -> Caller:
        return await self._services.authorizer.authorize(tenant, "memo", "query")
