"""The remembered digest of each document of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import postgresql, sqlite

from coco_flow.models.conditions import is_one_of
from coco_flow.models.store.tables import DOCUMENTS, METADATA

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = ["forget_documents", "known_digests", "prepare", "record_documents", "upsert"]


def prepare(database: Database) -> None:
    """Create the engine's tables where they are missing."""
    if all(database.has_table(table.name) for table in METADATA.tables.values()):
        return
    with database.writing() as connection:
        database.lock(connection, "tables")
        METADATA.create_all(connection)


def known_digests(database: Database, model: str) -> dict[str, tuple[str, str | None]]:
    """Return the digest and the error of each document that a model has processed."""
    with database.reading() as connection:
        rows = connection.execute(
            select(DOCUMENTS.c.document_id, DOCUMENTS.c.digest, DOCUMENTS.c.error).where(
                DOCUMENTS.c.model == model
            )
        )
        return {row.document_id: (row.digest, row.error) for row in rows}


def record_documents(
    connection: Connection,
    model: str,
    run: str,
    digests: Mapping[str, str],
    errors: Mapping[str, str],
) -> None:
    """Remember documents as processed, in the transaction that is open."""
    rows = [
        {
            "model": model,
            "document_id": document,
            "digest": digests.get(document, ""),
            "error": errors.get(document),
            "run": run,
        }
        for document in {**digests, **errors}
    ]
    upsert(connection, DOCUMENTS, rows)


def forget_documents(connection: Connection, model: str, documents: Iterable[str]) -> None:
    """Forget documents that are gone, in the transaction that is open."""
    gone = is_one_of(DOCUMENTS.c.document_id, documents, connection.dialect)
    connection.execute(delete(DOCUMENTS).where(DOCUMENTS.c.model == model, gone))


def upsert(connection: Connection, table: Any, rows: list[dict[str, Any]]) -> None:
    """Insert rows, or replace those of the same key."""
    if not rows:
        return
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    key = [column.name for column in table.primary_key]
    others = [column.name for column in table.columns if column.name not in key]
    values = {name: statement.excluded[name] for name in others}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values), rows)
