"""Routes of retrieval and import: query, import, index, and the batch form of import."""

from __future__ import annotations

from typing import Annotated, Any

import anyio
from fastapi import FastAPI, Query, Request, Response

from coco_protocol.envelope import Envelope
from coco_protocol.server.docs import (
    ImportHead,
    ImportOptions,
    IndexRequest,
    QueryEnvelope,
    QueryRequest,
    StartedData,
)
from coco_protocol.serving.answers import ERRORS, answer
from coco_server.api.routes.parameters import Tenant
from coco_server.api.routes.route_table import add_routes
from coco_server.api.services import Services
from coco_server.domain.imports import FORMATS, Imports, media_type
from coco_server.search.answer import FoundAnswer

__all__ = ["DocsApi"]


class DocsApi:
    """``/v1/docs`` and ``/v1/ingest``."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._imports = Imports(
            services.settings,
            services.database,
            services.blobs,
            services.pools,
            services.metrics,
        )

    def add_to(self, app: FastAPI) -> None:
        """Add the routes to ``app``."""
        add_routes(
            app,
            "docs",
            ("POST", "/v1/docs/query", self.query, QueryEnvelope),
            ("POST", "/v1/docs/index", self.index, Envelope[StartedData]),
        )
        for path, name in (("/v1/docs/import", "import_items"), ("/v1/ingest/batch", "ingest")):
            app.add_api_route(
                path,
                self.import_items,
                methods=["POST"],
                name=name,
                status_code=202,
                response_model=Envelope[StartedData],
                responses=ERRORS,
                openapi_extra={"requestBody": _import_body()},
                tags=["docs"],
            )

    async def query(self, tenant: Tenant, body: QueryRequest) -> Response:
        """Search a project by meaning and by words.

        `meta.status` is `stale` only when another indexing config than the active one was asked.
        """
        caller = await self._services.authorizer.authorize(
            tenant, "query", "query", named=body.project_id
        )
        search = self._services.search
        found = await self._services.pools.run(
            "query", search.find, caller.scope, body, caller.viewer
        )
        if found.waits_for_reranker:
            await self._rerank(found)
        meta, data = found.finished()
        self._services.metrics.queried(meta.took_ms)
        self._services.queries.add(caller.scope.org_id)
        return answer(data, caller.request_id, meta)

    async def _rerank(self, found: FoundAnswer) -> None:
        # A thread that has begun ends by itself; until there is one, only this looks at the time.
        with anyio.move_on_after(found.patience):
            await self._services.pools.run("rerank", found.rerank)
            return
        found.give_up()

    async def import_items(
        self,
        request: Request,
        tenant: Tenant,
        options: Annotated[ImportOptions, Query()],
    ) -> Response:
        """Import items as a new version; the answer names the job that builds it.

        The body is read as a stream: JSON with an array `items` (or a `blob_ref`), or NDJSON or
        Parquet, whose options are query parameters.
        """
        caller = await self._services.authorizer.authorize(
            tenant, "ingest", "ingest", named=options.project_id
        )
        media = media_type(request.headers.get("content-type"))
        given = options.model_dump(exclude_none=True)
        async with self._services.turns.imports.turn(caller.scope.org_id):
            data = await self._imports.start(request, caller, given, media)
        await self._services.dispatch(data.job_id)
        found = answer(data, caller.request_id)
        found.status_code = 202
        return found

    async def index(self, tenant: Tenant, body: IndexRequest) -> Response:
        """Build a new version from an earlier import, also under another config."""
        caller = await self._services.authorizer.authorize(
            tenant, "ingest", "ingest", named=body.project_id
        )
        data = await self._imports.rebuild(caller, body)
        await self._services.dispatch(data.job_id)
        return answer(data, caller.request_id)


def _import_body() -> dict[str, Any]:
    head = ImportHead.model_json_schema()
    head["properties"]["items"] = {
        "type": "array",
        "description": "Documents (`doc_id`, `content`) or chunks, with or without `vector`; "
        "`meta` holds `quality_score`, `verified` and `tags`.",
        "items": {"type": "object"},
    }
    content: dict[str, Any] = {"application/json": {"schema": head}}
    for media in FORMATS:
        content.setdefault(media, {"schema": {"type": "string", "format": "binary"}})
    return {"required": True, "content": content}
