"""Documents of a version by conditions, and the chunks of one document."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg import sql

from coco_server.store.access import SHOWN, VIEWS_EVERYTHING, Viewer
from coco_server.store.documents import StoredDocument
from coco_server.store.rows import all_rows, columns
from coco_server.store.segments import LIVE
from coco_server.store.session import TenantSession
from coco_server.store.tables import in_version
from coco_server.store.versions import Version

__all__ = ["DocumentChunk", "Wanted", "chunks_of", "find", "ids"]

_FROM: LiteralString = (
    " FROM documents AS found WHERE org_id = %(org)s AND version_no = ANY(%(parts)s::bigint[]) AND "
)

_HOLDING: LiteralString = "SELECT DISTINCT version_no, doc_id FROM {source_chunks} AS chunk WHERE "

_HELD: LiteralString = (
    "(version_no, doc_id) IN (SELECT * FROM unnest(%(held_in)s::bigint[], %(held)s::text[]))"
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions on documents; all must hold."""

    doc_ids: tuple[str, ...] = ()
    prefix: str = ""
    contains: str = ""
    """A part of the id or the title, in any case."""
    chunks: tuple[sql.Composed, list[object]] | None = None
    """A condition on chunks with its values, of which one must pass."""
    among: Sequence[tuple[int, str]] | None = None
    """Documents with the numbers of their segments; all others are not wanted."""


@dataclass(frozen=True, slots=True)
class DocumentChunk:
    """A chunk as it is stored."""

    doc_id: str
    ordinal: int
    chunk_id: str
    kind: str
    language: str
    symbol: str
    fragment: str
    token_count: int
    quality: float | None
    verified: bool | None
    tags: list[str]
    content: str


def find(
    session: TenantSession,
    version: Version,
    wanted: Wanted,
    viewer: Viewer,
    *,
    after: str = "",
    most: int = 100,
) -> list[StoredDocument]:
    """Return up to ``most`` documents that a viewer is shown, by id, those behind ``after``."""
    where, values = _where(session, version, wanted, viewer)
    return all_rows(
        session,
        StoredDocument,
        sql.SQL("SELECT {columns}{where} AND doc_id > %(after)s ORDER BY doc_id LIMIT %(most)s")
        .format(columns=columns(StoredDocument), where=where)
        .as_bytes(None),
        {**values, "org": session.org_id, "after": after, "most": most},
    )


def ids(session: TenantSession, version: Version, wanted: Wanted) -> list[str]:
    """Return the ids of all documents that are wanted, in order, hidden ones too."""
    where, values = _where(session, version, wanted, VIEWS_EVERYTHING)
    rows = session.connection.execute(
        sql.SQL("SELECT doc_id{where} ORDER BY doc_id").format(where=where),
        {**values, "org": session.org_id},
    ).fetchall()
    return [doc_id for (doc_id,) in rows]


def chunks_of(
    session: TenantSession, document: StoredDocument, first: int, most: int
) -> list[DocumentChunk]:
    """Return up to ``most`` chunks of a document, from the ordinal ``first`` on."""
    return all_rows(
        session,
        DocumentChunk,
        in_version(
            "SELECT {columns} FROM {source_chunks} WHERE doc_id = %s AND ordinal >= %s "
            "ORDER BY ordinal LIMIT %s",
            document.version_no,
            columns=columns(DocumentChunk),
        ),
        (document.doc_id, first, most),
    )


def _where(
    session: TenantSession, version: Version, wanted: Wanted, viewer: Viewer
) -> tuple[sql.Composed, dict[str, Any]]:
    """Return the rest of a statement behind its columns, with the values that it names."""
    parts: list[sql.Composable] = [sql.SQL(LIVE), sql.SQL(SHOWN)]
    values: dict[str, Any] = {"parts": list(version.parts), "viewer": viewer.value}
    if wanted.doc_ids:
        parts.append(sql.SQL("doc_id = ANY(%(doc_ids)s)"))
        values["doc_ids"] = list(wanted.doc_ids)
    if wanted.prefix:
        parts.append(sql.SQL("starts_with(doc_id, %(prefix)s)"))
        values["prefix"] = wanted.prefix
    if wanted.contains:
        parts.append(
            sql.SQL(
                "(strpos(lower(doc_id), lower(%(contains)s)) > 0 "
                "OR strpos(lower(title), lower(%(contains)s)) > 0)"
            )
        )
        values["contains"] = wanted.contains
    held = wanted.among
    if wanted.chunks is not None:
        # By themselves, as conditions on chunks have their values in order and these by name.
        condition, given = wanted.chunks
        holding = in_version(_HOLDING, version.parts) + condition
        rows = session.connection.execute(holding, given).fetchall()
        held = rows if held is None else sorted(set(held).intersection(rows))
    if held is not None:
        parts.append(sql.SQL(_HELD))
        values["held_in"] = [number for number, _ in held]
        values["held"] = [doc_id for _, doc_id in held]
    return sql.Composed([sql.SQL(_FROM), sql.SQL(" AND ").join(parts)]), values
