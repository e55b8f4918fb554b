"""Marks the rows of documents that failed with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, insert, select, update

from coco_flow.models.columns import now, typed_value

if TYPE_CHECKING:
    from coco_flow.models.declaration import Model

__all__ = ["mark_failed"]


def mark_failed(
    connection: Connection, declared: Model, run: str | None, failures: Mapping[str, str]
) -> None:
    """Set `error` in the rows of failed documents, in the transaction that is open.

    A document without rows gets one if its id alone is the primary key and nothing else is
    required; the run's result names the others too.
    """
    table, document = declared.table, declared.document_column
    if document is None or "error" not in table.c:
        return
    stamps: dict[str, Any] = {"workflow_id": run, "updated_at": now()}
    known = {name: value for name, value in stamps.items() if name in table.c}
    for document_id, reason in failures.items():
        known_id = typed_value(table.c[document], document_id)
        matches = table.c[document] == known_id
        marked = connection.execute(
            update(table)
            .values(error=reason, **known)
            .where(matches, table.c.error.is_distinct_from(reason))
        )
        present = (
            marked.rowcount or connection.execute(select(table.c.error).where(matches)).first()
        )
        if not present and _is_insertable(declared):
            extra = {"created_at": now(), "model_name": declared.name}
            values = known | {name: value for name, value in extra.items() if name in table.c}
            connection.execute(
                insert(table).values({document: known_id, "error": reason, **values})
            )


def _is_insertable(declared: Model) -> bool:
    table, document = declared.table, declared.document_column
    if declared.primary_key != (document,):
        return False
    stamped = {document, "created_at", "updated_at"}
    return all(
        column.nullable or column.default is not None or column.name in stamped
        for column in table.columns
    )
