"""Imports: stores the body of a request, then starts its job."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from coco_core.errors import InvalidInput, NotFound, UnsupportedMediaType, VersionConflict
from coco_protocol.server.docs import ImportHead, IndexRequest, StartedData
from coco_protocol.serving.pools import ThreadPools
from coco_server.auth.authorize import Caller
from coco_server.domain.body_format import checked_pieces
from coco_server.domain.import_jobs import ImportJobs, ImportSource
from coco_server.domain.item_count import count_items
from coco_server.domain.json_splitter import ItemsSplitter
from coco_server.jobs import document_jobs, sources
from coco_server.jobs.payload import ImportFormat, IngestPayload
from coco_server.metrics import ServerMetrics
from coco_server.settings import Settings
from coco_server.store import projects, versions
from coco_server.store.blobs import BlobStore
from coco_server.store.session import Database

if TYPE_CHECKING:
    from starlette.requests import Request

__all__ = ["FORMATS", "Imports", "media_type"]

FORMATS: dict[str, ImportFormat] = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "application/ndjson": "ndjson",
    "application/vnd.apache.parquet": "parquet",
}
"""What an import may be sent as, by content type."""

# A blob's reference ends with its format.
_SUFFIXES: dict[str, ImportFormat] = {"json": "json", "ndjson": "ndjson", "parquet": "parquet"}


class Imports:
    """Starts ingest jobs."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        blobs: BlobStore,
        pools: ThreadPools,
        metrics: ServerMetrics,
    ) -> None:
        self._settings = settings
        self._database = database
        self._blobs = blobs
        self._pools = pools
        self._metrics = metrics
        self._jobs = ImportJobs(database, blobs, metrics)

    async def start(
        self, request: Request, caller: Caller, given: dict[str, Any], media: ImportFormat
    ) -> StartedData:
        """Store the request's items and start a job for them.

        Args:
            request: its body is read as a stream.
            caller: whose import it is.
            given: fields of the head that came outside the body.
            media: what the body is.

        Raises:
            InvalidInput: the body is broken, or has neither items nor a reference.
            BodyTooLarge: it has more bytes than the service takes.
            QuotaExceeded: the org may not hold that much.
            RequestConflict: the idempotency_key was used for another request.
            VersionConflict: a build of this config is under way.
        """
        head, source = await self._receive(request, caller, given, media)
        try:
            self._check_project(caller, head.project_id)
            return await self._pools.run("change", self._jobs.start, caller, head, source)
        except BaseException:
            if source.fresh:
                await self._pools.run(
                    "change", self._blobs.delete, caller.scope.org_id, source.blob_ref
                )
            raise

    async def rebuild(self, caller: Caller, body: IndexRequest) -> StartedData:
        """Start a job that builds a new version from what an earlier one was built of.

        Raises:
            InvalidInput: there is no version to take the items of.
            VersionNotFound: the project has no such version.
            VersionConflict: its import is gone, or a build of this config is under way.
        """
        self._check_project(caller, body.project_id)
        source, rule = await self._pools.run("status", self._earlier, caller, body.version_id)
        head = ImportHead(
            indexing_config_id=body.indexing_config_id,
            on_error=body.on_error,
            activate=body.activate,
            wasm_module_ref=rule,
            idempotency_key=body.idempotency_key,
        )
        start = partial(self._jobs.start, asked=f"version {body.version_id or 'active'}")
        return await self._pools.run("change", start, caller, head, source)

    async def _receive(
        self, request: Request, caller: Caller, given: dict[str, Any], media: ImportFormat
    ) -> tuple[ImportHead, ImportSource]:
        splitter = ItemsSplitter() if media == "json" else None
        pieces = _pieces(checked_pieces(request.stream(), media), splitter)
        first = await anext(pieces, b"")
        if not first:
            head = _head({**given, **(splitter.head() if splitter else {})})
            return head, await self._referenced(caller, head)
        stored = await self._blobs.put(
            caller.scope.org_id,
            media,
            _chained(first, pieces),
            most=self._settings.max_import_bytes,
        )
        source = ImportSource(stored.ref, media, stored.size, None, True, stored.sha256)
        try:
            head = _head({**given, **(splitter.head() if splitter else {})})
            if head.blob_ref is not None:
                raise InvalidInput(
                    "The import has both items and a blob_ref.", hint="Send one of them."
                )
            items = splitter.items if splitter else await self._count(caller, source)
        except BaseException:
            await self._pools.run("change", self._blobs.delete, caller.scope.org_id, stored.ref)
            raise
        self._metrics.imported(stored.size)
        return head, replace(source, items=items)

    async def _referenced(self, caller: Caller, head: ImportHead) -> ImportSource:
        """Return the source that the head refers to."""
        if head.blob_ref is None:
            if head.deletes:
                # A merge that only deletes; its job reads items as every job does.
                return await self._pools.run("change", self._no_items, caller)
            raise InvalidInput("The import has no items.", hint='Send "items": […], or a blob_ref.')
        kind = _SUFFIXES.get(head.blob_ref.rpartition(".")[2])
        info = await self._pools.run("change", self._blobs.info, caller.scope.org_id, head.blob_ref)
        await self._pools.run("change", self._check_reach, caller, head.blob_ref)
        if kind is None:
            raise InvalidInput(
                f"The blob {head.blob_ref!r} holds no items.",
                hint="Refer to what an earlier import answered in blob_ref.",
            )
        source = ImportSource(head.blob_ref, kind, info.size, None, fresh=False)
        items = await self._count(caller, source)
        return replace(source, items=items)

    def _check_reach(self, caller: Caller, blob_ref: str) -> None:
        """Refuse a key that is bound to projects what another project's import brought."""
        if not caller.key.projects:
            return
        with self._database.tenant(caller.scope.org_id) as session:
            if not document_jobs.read_in(session, caller.key.projects, blob_ref):
                raise NotFound(f"There is no blob {blob_ref!r}.")

    def _no_items(self, caller: Caller) -> ImportSource:
        stored = self._blobs.put_bytes(caller.scope.org_id, "ndjson", b"\n")
        return ImportSource(stored.ref, "ndjson", stored.size, 0, True, stored.sha256)

    async def _count(self, caller: Caller, source: ImportSource) -> int:
        def count() -> int:
            with self._blobs.open(caller.scope.org_id, source.blob_ref) as file:
                return count_items(file, source.format)

        return await self._pools.run("change", count)

    def _earlier(self, caller: Caller, version_id: str | None) -> tuple[ImportSource, str | None]:
        scope = caller.scope
        with self._database.tenant(scope.org_id) as session:
            chosen = version_id or projects.get(session, scope.project_id).active_version_id
            if chosen is None:
                raise InvalidInput(
                    "The project has no version yet to be built again.",
                    hint="Import items first: POST /v1/docs/import.",
                )
            version = versions.get(session, scope.project_id, chosen)
            named = sources.of_version(session, version) or []
            jobs = sources.jobs_of(session, named)
        if not jobs or len(jobs) < len(named):
            raise VersionConflict(
                f"What the version {chosen!r} was built from is not known.",
                hint="Import the items again.",
            )
        payloads = [IngestPayload.from_dict(job.payload) for job in jobs]
        newest = payloads[-1]
        size = sum(self._blobs.info(scope.org_id, each.blob_ref).size for each in payloads)
        total = sum(job.total or 0 for job in jobs)
        source = ImportSource(newest.blob_ref, newest.format, size, total, fresh=False)
        if len(jobs) == 1 and not newest.sources:
            return source, newest.wasm_module_ref
        # Each has a text rule of its own.
        return replace(source, sources=tuple(reversed(named))), None

    def _check_project(self, caller: Caller, named: str | None) -> None:
        if named is not None and named != caller.scope.project_id:
            raise InvalidInput(
                f"The request names the project {named!r}, and the header "
                f"{caller.scope.project_id!r}.",
                hint="Name the same project in x-coco-project-id.",
            )


def media_type(content_type: str | None) -> ImportFormat:
    """Return what a body is.

    Raises:
        UnsupportedMediaType: nothing that is imported.
    """
    media = (content_type or "").partition(";")[0].strip().lower()
    if media not in FORMATS:
        raise UnsupportedMediaType(
            f"The content type is {content_type!r}.", hint=f"Send {', '.join(FORMATS)}."
        )
    return FORMATS[media]


async def _pieces(
    body: AsyncIterator[bytes], splitter: ItemsSplitter | None
) -> AsyncIterator[bytes]:
    """Yield the bytes of the items; of other formats, all bytes."""
    async for piece in body:
        out = splitter.feed(piece) if splitter else piece
        if out:
            yield out


async def _chained(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in rest:
        yield piece


def _head(given: dict[str, Any]) -> ImportHead:
    """Check the head as FastAPI would check a body."""
    try:
        return ImportHead.model_validate_json(json.dumps(given))
    except ValidationError as error:
        problems = [
            {**problem, "loc": ("body", *problem["loc"])}
            for problem in error.errors(include_url=False, include_context=False)
        ]
        raise RequestValidationError(problems) from error
