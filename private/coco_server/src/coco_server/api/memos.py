"""Routes of memos: a user's notes in a project, behind the token of a session."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import numpy as np
from fastapi import FastAPI, Header, Path, Request, Response

from coco_core.bm25 import CorpusStats, TermVector, term_scores, term_vector
from coco_core.tokens import term_ids, words
from coco_core.types import Chunk
from coco_protocol.base import Identifier
from coco_protocol.envelope import Envelope
from coco_protocol.server.memos import (
    DeletedData,
    MemoBody,
    MemoHit,
    MemoList,
    MemoQueryData,
    MemoQueryRequest,
    MemoRequest,
    MemoSessionData,
    MemoSessionRequest,
)
from coco_protocol.serving.answers import answer
from coco_server.api.admission import Caller, TenantHeaders
from coco_server.api.bodies import seconds, some_seconds
from coco_server.api.routes import add_routes
from coco_server.api.services import Services
from coco_server.store import memos
from coco_server.store.memos import Memo

__all__ = ["MemosApi"]

MemoPath: TypeAlias = Annotated[Identifier, Path(description="The memo's id.")]
TokenHeader: TypeAlias = Annotated[
    Identifier, Header(alias="x-coco-session-token", description="What the session answered.")
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
            ("DELETE", "/v1/memo/{memo_id}", self.delete, Envelope[DeletedData]),
        )

    async def begin(
        self,
        request: Request,
        headers: TenantHeaders,
        body: MemoSessionRequest | None = None,
    ) -> Response:
        """Begin a session of the user in the project; its token is shown this once."""
        caller = await self._enter(request, headers)
        ttl = (body or MemoSessionRequest()).ttl_seconds

        def begin() -> MemoSessionData:
            with self._services.database.tenant(caller.scope.org_id) as session:
                made, token = memos.open_session(session, caller.scope, ttl_seconds=ttl)
            return MemoSessionData(
                session_id=made.session_id,
                session_token=token,
                expires_at=seconds(made.expires_at),
            )

        return answer(await self._services.threads.change(begin), caller.request_id)

    async def create(
        self,
        request: Request,
        body: MemoRequest,
        headers: TenantHeaders,
    ) -> Response:
        """Keep a note; it can be found at once."""
        caller = await self._enter(request, headers)

        def create() -> MemoBody:
            with self._services.database.tenant(caller.scope.org_id) as session:
                owner = memos.require_session(session, caller.scope, body.session_token)
                made = memos.create(
                    session, owner, body.content, tags=body.tags, ttl_seconds=body.ttl_seconds
                )
            return _body(made)

        return answer(await self._services.threads.change(create), caller.request_id)

    async def memos(
        self,
        request: Request,
        token: TokenHeader,
        headers: TenantHeaders,
    ) -> Response:
        """List the user's newest notes in the project."""
        caller = await self._enter(request, headers)

        def look() -> MemoList:
            with self._services.database.tenant(caller.scope.org_id) as session:
                owner = memos.require_session(session, caller.scope, token)
                return MemoList(memos=[_body(memo) for memo in memos.list_of(session, owner)])

        return answer(await self._services.threads.status(look), caller.request_id)

    async def query(
        self,
        request: Request,
        body: MemoQueryRequest,
        headers: TenantHeaders,
    ) -> Response:
        """Search the user's notes by words; the answer is always fresh."""
        caller = await self._enter(request, headers)

        def look() -> MemoQueryData:
            with self._services.database.tenant(caller.scope.org_id) as session:
                owner = memos.require_session(session, caller.scope, body.session_token)
                found = memos.list_of(session, owner, tags=body.tags)
            return MemoQueryData(results=_best(body.query, found)[: body.top_k])

        return answer(await self._services.threads.query(look), caller.request_id)

    async def delete(
        self,
        request: Request,
        memo_id: MemoPath,
        token: TokenHeader,
        headers: TenantHeaders,
    ) -> Response:
        """Remove a note."""
        caller = await self._enter(request, headers)

        def delete() -> DeletedData:
            with self._services.database.tenant(caller.scope.org_id) as session:
                owner = memos.require_session(session, caller.scope, token)
                memos.delete(session, owner, memo_id)
            return DeletedData(deleted=memo_id)

        return answer(await self._services.threads.change(delete), caller.request_id)

    async def _enter(self, request: Request, headers: TenantHeaders) -> Caller:
        return await self._services.admission.enter(request, headers, "memo", "query")


def _body(memo: Memo) -> MemoBody:
    return MemoBody(
        memo_id=memo.memo_id,
        content=memo.content,
        tags=memo.tags,
        created_at=seconds(memo.created_at),
        expires_at=some_seconds(memo.expires_at),
    )


def _best(query: str, found: list[Memo]) -> list[MemoHit]:
    """Rank notes by the core's BM25; those that hold none of the words are left out."""
    vectors = [_terms(memo) for memo in found]
    lengths = np.array([vector.lengths for vector in vectors], np.float32).reshape(-1, 3)
    average = lengths.mean(axis=0) if found else np.zeros(3, np.float32)
    stats = CorpusStats(len(found), average.astype(np.float32))
    scores = np.zeros(len(found), np.float32)
    for term in {term for word in words(query) for term in term_ids(word)}:
        at = [(place, np.flatnonzero(v.ids == np.uint64(term))) for place, v in enumerate(vectors)]
        holding = [(place, int(index[0])) for place, index in at if index.size]
        if not holding:
            continue
        places = np.array([place for place, _ in holding])
        counts = np.stack([vectors[place].frequencies[index] for place, index in holding])
        scores[places] += term_scores(stats, len(holding), counts, lengths[places])
    order = sorted(np.flatnonzero(scores > 0).tolist(), key=lambda place: -scores[place])
    return [
        MemoHit(**_body(found[place]).model_dump(), score=round(float(scores[place]), 4))
        for place in order
    ]


def _terms(memo: Memo) -> TermVector:
    return term_vector("", Chunk.plain(memo.content, symbol=" ".join(memo.tags)))
