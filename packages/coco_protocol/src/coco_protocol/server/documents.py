"""Single documents on the server's wire: put, show, list, search, delete."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from coco_protocol.base import Answer, PlainText, Request
from coco_protocol.docs import FiltersBody
from coco_protocol.jobs import JobState
from coco_protocol.server.docs import MOST_DELETES, DocumentId, StoredChunk
from coco_protocol.server.jobs import JobBody

__all__ = [
    "MOST_WAIT_SECONDS",
    "DocumentBody",
    "DocumentChange",
    "DocumentDetail",
    "DocumentList",
    "DocumentParameters",
    "DocumentPut",
    "DocumentSearch",
    "DocumentsDelete",
    "DocumentsDeleted",
    "ListParameters",
]

MOST_WAIT_SECONDS = 30
"""A request may wait this long for its job; proxies close connections that are silent longer."""

# An id of the longest, four bytes for each character, with its checksum and in base 64.
_LONGEST_CURSOR = 6_000


class DocumentPut(Request):
    """``PUT /v1/docs/documents/{doc_id}``: an item of an import but for its ``doc_id``."""

    content: str | None = Field(default=None, description="The whole text; or send `chunks`.")
    chunks: list[dict[str, object]] | None = Field(default=None, max_length=100_000)
    title: PlainText | None = None
    source_ref: PlainText | None = None
    language: PlainText | None = None
    meta: dict[str, object] | None = None
    allow: dict[str, list[str]] | None = Field(
        default=None,
        description="`users` and `groups` whom it is shown to; null: everybody. Left out: those "
        "whom it is shown to now, and everybody if it is new.",
    )


class DocumentChange(Answer):
    """What became of a change; ``job_id`` is null when there was nothing to change."""

    doc_id: str
    changed: bool = Field(description="False: the active version has exactly this already.")
    job_id: str | None = None
    state: JobState | None = Field(default=None, description="Of the job, when this was sent.")
    version_id: str | None = Field(
        default=None, description="The version that has the change; null until there is one."
    )
    error: dict[str, object] | None = None


class DocumentBody(Answer):
    """A document of the active version."""

    doc_id: str
    title: str | None = None
    source_ref: str | None = None
    content_hash: str
    chunk_count: int
    meta: dict[str, object] = Field(default_factory=dict, description="The sender's own fields.")


class DocumentDetail(Answer):
    """``GET /v1/docs/documents/{doc_id}``."""

    version_id: str
    document: DocumentBody
    chunks: list[StoredChunk]
    next_ordinal: int | None = Field(
        default=None, description="`from_ordinal` of the next page; null when there is none."
    )
    job: JobBody | None = Field(
        default=None, description="The last job that touched it, while the job is known."
    )


class ListParameters(BaseModel):
    """``GET /v1/docs/documents``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prefix: PlainText = Field(default="", max_length=1024, description="What ids begin with.")
    cursor: PlainText = Field(
        default="", max_length=_LONGEST_CURSOR, description="`next_cursor` of the page before."
    )
    limit: int = Field(default=100, ge=1, le=1_000)


class DocumentSearch(Request):
    """``POST /v1/docs/documents/search``; all given conditions must hold."""

    prefix: PlainText = Field(default="", max_length=1024, description="What ids begin with.")
    contains: PlainText = Field(
        default="", max_length=1024, description="A part of the id or the title, in any case."
    )
    filters: FiltersBody = Field(
        default_factory=FiltersBody,
        description="As of a query; a document is found when one of its chunks passes.",
    )
    cursor: PlainText = Field(default="", max_length=_LONGEST_CURSOR)
    limit: int = Field(default=100, ge=1, le=1_000)


class DocumentList(Answer):
    """Documents in the order of their ids."""

    version_id: str | None = Field(default=None, description="Null while the project has none.")
    documents: list[DocumentBody]
    total: int | None = Field(
        default=None, description="Of all pages; only where none is searched."
    )
    next_cursor: str | None = None


class DocumentsDelete(Request):
    """``POST /v1/docs/documents/delete``: at least one condition; all given ones must hold."""

    doc_ids: list[DocumentId] = Field(default_factory=list, max_length=MOST_DELETES)
    prefix: PlainText = Field(default="", max_length=1024)
    contains: PlainText = Field(default="", max_length=1024)
    filters: FiltersBody = Field(default_factory=FiltersBody)
    dry_run: bool = Field(default=False, description="Count them only.")


class DocumentsDeleted(Answer):
    """How many documents go, or would go; ``doc_ids`` are the first that the caller is shown."""

    count: int
    doc_ids: list[str]
    dry_run: bool
    job_id: str | None = None
    state: JobState | None = None
    version_id: str | None = None
    error: dict[str, object] | None = None


class DocumentParameters(BaseModel):
    """``GET /v1/docs/documents/{doc_id}``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_ordinal: int = Field(default=0, ge=0, le=2**31 - 1)
    limit: int = Field(default=20, ge=0, le=1_000, description="Chunks of one page.")
