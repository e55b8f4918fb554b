"""Documents of a project's active version: shown, listed, searched."""

from __future__ import annotations

from dataclasses import dataclass, field

from coco_core.errors import DocumentNotFound
from coco_core.filters import Filters
from coco_protocol.server.docs import StoredChunk
from coco_protocol.server.documents import (
    DocumentBody,
    DocumentDetail,
    DocumentList,
    DocumentParameters,
)
from coco_server.domain.cursors import cursor_behind, read_cursor
from coco_server.domain.serializers import job_body
from coco_server.jobs import document_jobs
from coco_server.jobs.records import DONE_STATES, Job
from coco_server.search.conditions import conditions
from coco_server.search.document_paths import documents_at_paths
from coco_server.store import document_search, documents, versions
from coco_server.store.access import Viewer
from coco_server.store.document_search import Wanted
from coco_server.store.documents import StoredDocument
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["Asked", "list_documents", "matching", "show"]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which documents are wanted; all conditions must hold."""

    doc_ids: tuple[str, ...] = ()
    prefix: str = ""
    contains: str = ""
    filters: Filters = field(default_factory=Filters)

    @property
    def all(self) -> bool:
        """Whether no condition is given."""
        return not (self.doc_ids or self.prefix or self.contains) and self.filters.empty

    def wanted(self, session: TenantSession, version: Version) -> Wanted:
        """Return what the store looks for in a version.

        Raises:
            QueryTimeout: matching the path globs takes too long.
        """
        return Wanted(
            self.doc_ids,
            self.prefix,
            self.contains,
            conditions(self.filters),
            documents_at_paths(session, version.parts, self.filters),
        )


def show(
    session: TenantSession,
    project_id: str,
    doc_id: str,
    page: DocumentParameters,
    viewer: Viewer,
    *,
    writes: bool,
) -> DocumentDetail:
    """Return a document with a page of its chunks, and the last job that touched it.

    Args:
        session: of the project's org.
        project_id: the project.
        doc_id: the document.
        page: which of its chunks.
        viewer: whom it is shown to.
        writes: whether the caller may change documents, and so is shown that one is on its way.

    Raises:
        DocumentNotFound: the active version has none of this id that the viewer is shown; the hint
            names a job to come.
    """
    job = document_jobs.of_document(session, project_id, doc_id)
    version = versions.active(session, project_id)
    coming = job if writes else None
    if version is None:
        raise _nothing(doc_id, coming)
    try:
        found = documents.get(session, version, doc_id, viewer)
    except DocumentNotFound as error:
        raise _nothing(doc_id, coming) from error
    written = document_jobs.of_segment(session, project_id, found.version_no)
    last = max(
        (each for each in (job, written) if each), key=lambda each: each.job_id, default=None
    )
    rows = document_search.chunks_of(session, found, page.from_ordinal, page.limit + 1)
    shown = rows[: page.limit]
    return DocumentDetail(
        version_id=version.version_id,
        document=_body(found),
        chunks=[StoredChunk.model_validate(each, from_attributes=True) for each in shown],
        next_ordinal=rows[page.limit].ordinal if len(rows) > page.limit else None,
        job=job_body(last) if last is not None else None,
    )


def list_documents(
    session: TenantSession,
    project_id: str,
    asked: Asked,
    viewer: Viewer,
    *,
    cursor: str,
    limit: int,
) -> DocumentList:
    """Return a page of the wanted documents that a viewer is shown, in the order of their ids.

    Raises:
        InvalidInput: the cursor is none that a page has given.
        QueryTimeout: matching the path globs takes too long.
    """
    after = read_cursor(cursor)
    version = versions.active(session, project_id)
    if version is None:
        return DocumentList(documents=[])
    total = None
    if asked == Asked(prefix=asked.prefix):
        found = documents.list_of(
            session, version, viewer, after=after, prefix=asked.prefix, most=limit + 1
        )
        total = documents.count(session, version, viewer, prefix=asked.prefix)
    else:
        found = document_search.find(
            session, version, asked.wanted(session, version), viewer, after=after, most=limit + 1
        )
    return DocumentList(
        version_id=version.version_id,
        documents=[_body(each) for each in found[:limit]],
        total=total,
        next_cursor=cursor_behind(found[limit - 1].doc_id) if len(found) > limit else None,
    )


def matching(
    session: TenantSession, version: Version, asked: Asked, viewer: Viewer, most: int
) -> tuple[list[str], list[str]]:
    """Return the ids of all wanted documents, and of the first that a viewer is shown.

    Raises:
        QueryTimeout: matching the path globs takes too long.
    """
    wanted = asked.wanted(session, version)
    shown = document_search.find(session, version, wanted, viewer, most=most)
    return document_search.ids(session, version, wanted), [each.doc_id for each in shown]


def _body(document: StoredDocument) -> DocumentBody:
    return DocumentBody.model_validate(document, from_attributes=True)


def _nothing(doc_id: str, job: Job | None) -> DocumentNotFound:
    hint = "List the documents of the project, and take an id from there."
    if job is not None and job.state not in DONE_STATES:
        hint = f"The job {job.job_id!r}, which has not ended, changes it."
    return DocumentNotFound(f"The project has no document {doc_id[:200]!r}.", hint=hint)
