"""Documents of a complete version, read over all of its segments.

A document of a version is the row in the newest of its segments that has one, unless a later
segment removed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from coco_core.errors import DocumentNotFound
from coco_server.store import versions
from coco_server.store.access import SHOWN, VIEWS_PUBLIC, Viewer
from coco_server.store.rows import all_rows, columns, one_row
from coco_server.store.segments import LIVE
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["StoredDocument", "allowed_now", "count", "existing", "get", "list_of"]


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document of a version as it is stored."""

    doc_id: str
    version_no: int
    """The number of the segment that wrote it."""
    source_ref: str | None
    title: str | None
    content_hash: str
    chunk_count: int
    meta: Mapping[str, Any]
    item_hash: str | None
    """Of the document as it was sent: see `item_hash`; None when it did not come whole."""


_OF_VERSION: LiteralString = (
    "FROM documents AS found WHERE org_id = %(org)s AND version_no = ANY(%(parts)s::bigint[]) "
)

# Each segment gives its next documents in the order of its key, and the first of all are the page.
_LIST = sql.SQL("""
    SELECT {columns} FROM unnest(%(parts)s::bigint[]) AS part (number) CROSS JOIN LATERAL (
        SELECT * FROM documents AS found WHERE org_id = %(org)s AND version_no = part.number
            AND doc_id > %(after)s AND starts_with(doc_id, %(prefix)s) AND {live} AND {shown}
        ORDER BY doc_id LIMIT %(most)s
    ) AS page ORDER BY doc_id LIMIT %(most)s
""").format(columns=columns(StoredDocument), live=sql.SQL(LIVE), shown=sql.SQL(SHOWN))


def get(
    session: TenantSession, version: Version, doc_id: str, viewer: Viewer = VIEWS_PUBLIC
) -> StoredDocument:
    """Return a document of a version.

    Raises:
        DocumentNotFound: the version has none of this id that the viewer is shown.
    """
    found = one_row(
        session,
        StoredDocument,
        "SELECT {columns} " + _OF_VERSION + f"AND doc_id = %(doc_id)s AND {LIVE} AND {SHOWN}",
        {**_values(session, version), "doc_id": doc_id, "viewer": viewer.value},
    )
    if found is None:
        raise DocumentNotFound(
            f"The version {version.version_id!r} has no document {doc_id!r}.",
            hint="List the documents of the project, and take an id from there.",
        )
    return found


def list_of(
    session: TenantSession,
    version: Version,
    viewer: Viewer = VIEWS_PUBLIC,
    *,
    after: str = "",
    prefix: str = "",
    most: int = 100,
) -> list[StoredDocument]:
    """Return up to ``most`` documents in the order of their ids, from behind the id ``after`` on.

    Args:
        session: of the version's org.
        version: complete.
        viewer: whom they are shown to.
        after: the last id of the page before; empty for the first page.
        prefix: what the ids begin with.
        most: the size of a page.
    """
    return all_rows(
        session,
        StoredDocument,
        _LIST,
        {
            **_values(session, version),
            "viewer": viewer.value,
            "after": after,
            "prefix": prefix,
            "most": most,
        },
    )


def count(
    session: TenantSession, version: Version, viewer: Viewer = VIEWS_PUBLIC, *, prefix: str = ""
) -> int:
    """Return how many documents that a viewer is shown have ids that begin with ``prefix``."""
    if not prefix and (viewer.everything or not version.restricted):
        return version.document_count
    row = session.connection.execute(
        "SELECT count(*) "
        + _OF_VERSION
        + f"AND starts_with(doc_id, %(prefix)s) AND {LIVE} AND {SHOWN}",
        {**_values(session, version), "viewer": viewer.value, "prefix": prefix},
    ).fetchone()
    return int(row[0]) if row else 0


def existing(session: TenantSession, version: Version, doc_ids: Sequence[str]) -> set[str]:
    """Return which of these ids are documents of the version, hidden ones too."""
    if not doc_ids:
        return set()
    rows = session.connection.execute(
        "SELECT doc_id " + _OF_VERSION + "AND doc_id = ANY(%(doc_ids)s) AND " + LIVE,
        {**_values(session, version), "doc_ids": list(doc_ids)},
    ).fetchall()
    return {doc_id for (doc_id,) in rows}


def allowed_now(
    session: TenantSession, version: Version, doc_ids: Sequence[str]
) -> dict[str, list[str] | None]:
    """Return the allow lists of documents as a merge's base has them, or else the active version.

    The base is what the merge before left, and what this one is put onto.
    """
    if not doc_ids:
        return {}
    parts = version.parts[:-1]
    if not parts:
        active = versions.active(session, version.project_id)
        parts = active.parts if active is not None else ()
    return dict(
        session.connection.execute(
            "SELECT doc_id, allow " + _OF_VERSION + "AND doc_id = ANY(%(doc_ids)s) AND " + LIVE,
            {"org": session.org_id, "parts": list(parts), "doc_ids": list(doc_ids)},
        ).fetchall()
    )


def _values(session: TenantSession, version: Version) -> dict[str, object]:
    return {"org": session.org_id, "parts": list(version.parts)}
