"""Retrieval and import on the server's wire."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from coco_protocol.base import Answer, Identifier, PlainText, Request
from coco_protocol.docs import ChunkFields, EmptyReason, HitScores, QueryFields, QueryMetaFields
from coco_protocol.envelope import Envelope

__all__ = [
    "MOST_DELETES",
    "Activate",
    "ChunkBody",
    "DocumentId",
    "Hit",
    "ImportHead",
    "ImportMode",
    "ImportOptions",
    "IndexRequest",
    "OnError",
    "QueryData",
    "QueryEnvelope",
    "QueryMeta",
    "QueryRequest",
    "StartedData",
    "StoredChunk",
    "StoredChunks",
]

OnError = Literal["skip", "fail"]
ImportMode = Literal["replace", "merge"]
Activate = bool | Literal["force"]

MOST_DELETES = 10_000
"""Documents that the head of one merge deletes; NDJSON lines may delete any number."""

# Longer ids are texts that slipped into the wrong field; an index ends at 2,700 bytes.
DocumentId = Annotated[PlainText, Field(min_length=1, max_length=1024)]

_PROJECT = "Optional; it must equal the header."
_ACTIVATE = (
    "Activate the new version once complete; `force`: also when more than half of the items were "
    "rejected, or fewer than half of the active version's documents are left."
)


class QueryRequest(QueryFields):
    """``POST /v1/docs/query``."""

    project_id: Identifier | None = Field(default=None, description=_PROJECT)


class ChunkBody(ChunkFields):
    """A chunk: its content and logical references."""

    source_ref: str | None = None
    title: str | None = None
    ordinal: int = 0
    tags: list[str] = Field(default_factory=list)


class Hit(Answer):
    """One result."""

    meta: HitScores
    chunk: ChunkBody


class QueryData(Answer):
    """The results, best first; ``next_offset`` is null when there are no more."""

    results: list[Hit]
    next_offset: int | None = None
    empty_reason: EmptyReason | None = None


class QueryMeta(QueryMetaFields):
    """What answered; ``status`` is ``stale`` when another config than the active one was asked."""

    version_id: str | None = None
    tier: Literal["keyword", "mixed", "transformer"] = "keyword"


class QueryEnvelope(Envelope[QueryData]):
    """What ``POST /v1/docs/query`` answers."""

    meta: QueryMeta = Field(default_factory=QueryMeta)


class ImportHead(Request):
    """All of ``POST /v1/docs/import`` and ``/v1/ingest/batch`` but the items themselves."""

    project_id: Identifier | None = Field(default=None, description=_PROJECT)
    indexing_config_id: Identifier | None = Field(
        default=None, description="How to chunk and embed; without it the project's active config."
    )
    blob_ref: PlainText | None = Field(
        default=None,
        max_length=300,
        description="The items of an earlier import, instead of `items`.",
    )
    on_error: OnError = Field(
        default="skip", description="Leave broken items out, or fail at the first one."
    )
    mode: ImportMode = Field(
        default="replace",
        description="`replace`: the items are all that the project has then; `merge`: they take "
        "the place of the active version's documents with the same `doc_id`, and the others stay.",
    )
    deletes: list[DocumentId] = Field(
        default_factory=list,
        max_length=MOST_DELETES,
        description="Documents that a merge deletes; an id that there is none of is no error.",
    )
    activate: Activate = Field(default=True, description=_ACTIVATE)
    wasm_module_ref: PlainText | None = Field(
        default=None, max_length=300, description="A text rule applied to every item."
    )
    idempotency_key: Identifier | None = Field(
        default=None,
        description="The same request with the same key returns the job that it started. A key "
        "belongs to the project and the config that is named.",
    )


class ImportOptions(BaseModel):
    """The same as query parameters, for bodies that are nothing but items."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    project_id: Identifier | None = None
    indexing_config_id: Identifier | None = None
    on_error: OnError | None = None
    mode: ImportMode | None = None
    deletes: list[DocumentId] | None = Field(default=None, max_length=MOST_DELETES)
    activate: Activate | None = None
    wasm_module_ref: PlainText | None = Field(default=None, max_length=300)
    idempotency_key: Identifier | None = None


class IndexRequest(Request):
    """``POST /v1/docs/index``: build a new version from what was imported last."""

    project_id: Identifier | None = Field(default=None, description=_PROJECT)
    indexing_config_id: Identifier | None = Field(
        default=None, description="Build under this config; without it the active one."
    )
    version_id: Identifier | None = Field(
        default=None, description="The version whose items are taken; without it the active one."
    )
    on_error: OnError = "skip"
    activate: Activate = Field(default=True, description=_ACTIVATE)
    idempotency_key: Identifier | None = None


class StartedData(Answer):
    """The job that was started, and the version that it builds."""

    job_id: str
    version_id: str | None = Field(
        default=None, description="Null for a merge until its job has begun."
    )
    project_id: str
    indexing_config_id: str
    blob_ref: str
    items: int | None = Field(default=None, description="Items that arrived.")
    bytes: int | None = None


class StoredChunk(Answer):
    """A chunk as a version holds it."""

    doc_id: str
    ordinal: int
    chunk_id: str
    kind: str
    language: str
    symbol: str
    fragment: str
    token_count: int
    quality: float | None = None
    verified: bool | None = None
    tags: list[str]
    content: str


class StoredChunks(Answer):
    """``GET /v1/projects/{id}/versions/{vid}/chunks``: a whole version, streamed."""

    chunks: list[StoredChunk]
