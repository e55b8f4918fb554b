"""Changes of documents: each is a merge of its own, and nothing when it would change nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from coco_core.errors import DocumentNotFound, InvalidInput
from coco_protocol.server.docs import ImportHead, StartedData
from coco_protocol.server.documents import DocumentPut, DocumentsDeleted
from coco_server.domain.documents import Asked, matching
from coco_server.domain.import_jobs import Importer, ImportJobs, ImportSource
from coco_server.jobs import document_jobs
from coco_server.store import documents, versions
from coco_server.store.access import KEEP, Viewer
from coco_server.store.blobs import BlobStore
from coco_server.store.item_hash import item_hash
from coco_server.store.session import Database, TenantSession

__all__ = ["DocumentChanges"]

# Documents that the answer to a deletion names.
_NAMED = 100


class DocumentChanges:
    """Puts and deletes documents of a project."""

    def __init__(self, database: Database, blobs: BlobStore, jobs: ImportJobs) -> None:
        self._database = database
        self._blobs = blobs
        self._jobs = jobs

    def put(self, caller: Importer, doc_id: str, body: DocumentPut) -> StartedData | None:
        """Start a merge of one document; None when the active version has it as it is sent.

        Without ``allow`` it stays with those whom it is shown to when the merge runs. A document
        that the caller is not shown is always merged: that nothing changes would tell what it says.

        Raises:
            InvalidInput: it has neither content nor chunks, or both.
        """
        if (body.content is None) == (body.chunks is None):
            raise InvalidInput(
                "A document has content or chunks.", hint="Send one of the two, and not both."
            )
        item = {"doc_id": doc_id, **body.model_dump(exclude_none=True)}
        if "allow" not in body.model_fields_set:
            item["allow"] = KEEP
        with self._database.tenant(caller.scope.org_id) as session:
            if self._has(session, caller, item):
                return None
        return self._merge(caller, [item], doc_id=doc_id)

    def delete(self, caller: Importer, doc_id: str) -> StartedData:
        """Start a merge that takes one document out.

        Raises:
            DocumentNotFound: there is none, and no job is under way that may bring it.
        """
        project_id = caller.scope.project_id
        with self._database.tenant(caller.scope.org_id) as session:
            version = versions.active(session, project_id)
            there = version is not None and documents.existing(session, version, [doc_id])
            if not there and not document_jobs.unfinished(session, project_id):
                raise DocumentNotFound(
                    f"The project has no document {doc_id[:200]!r}.",
                    hint="List the documents of the project, and take an id from there.",
                )
        return self._merge(caller, [{"delete": doc_id}], doc_id=doc_id)

    def delete_matching(
        self, caller: Importer, asked: Asked, viewer: Viewer, *, dry_run: bool
    ) -> tuple[DocumentsDeleted, StartedData | None]:
        """Return how many documents of the active version are wanted, and the merge without them.

        All of them go; the first are named, but only to a viewer who is shown them.

        Raises:
            InvalidInput: no condition is given.
        """
        if asked.all:
            raise InvalidInput(
                "No condition says which documents shall be deleted.",
                hint="Send doc_ids, prefix, contains or filters. To replace all documents, import "
                "with mode 'replace'.",
            )
        with self._database.tenant(caller.scope.org_id) as session:
            version = versions.active(session, caller.scope.project_id)
            found: list[str] = []
            shown: list[str] = []
            if version is not None:
                found, shown = matching(session, version, asked, viewer, _NAMED)
        data = DocumentsDeleted(count=len(found), doc_ids=shown, dry_run=dry_run)
        if dry_run or not found:
            return data, None
        return data, self._merge(caller, [{"delete": doc_id} for doc_id in found])

    def _has(self, session: TenantSession, caller: Importer, item: Mapping[str, object]) -> bool:
        """Whether the caller is shown a document as it is sent, and no job may change that."""
        project_id = caller.scope.project_id
        hashed = item_hash(item)
        version = versions.active(session, project_id)
        if version is None or hashed is None or document_jobs.unfinished(session, project_id):
            return False
        try:
            stored = documents.get(session, version, str(item["doc_id"]), caller.viewer)
        except DocumentNotFound:
            return False
        if item.get("allow") != KEEP:
            return stored.item_hash == hashed
        # What was sent to be shown to everybody says the same.
        return stored.item_hash in (hashed, item_hash({**item, "allow": None}))

    def _merge(
        self, caller: Importer, items: Sequence[Mapping[str, object]], *, doc_id: str | None = None
    ) -> StartedData:
        body = b"".join(json.dumps(item).encode() + b"\n" for item in items)
        org_id = caller.scope.org_id
        stored = self._blobs.put_bytes(org_id, "ndjson", body)
        source = ImportSource(stored.ref, "ndjson", stored.size, len(items), True, stored.sha256)
        # One document that is rejected is a change that failed.
        head = ImportHead(mode="merge", on_error="fail")
        try:
            return self._jobs.start(caller, head, source, doc_id=doc_id)
        except BaseException:
            self._blobs.delete(org_id, stored.ref)
            raise
