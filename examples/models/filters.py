"""Runs about some documents: every filter of `DocumentFilters`.

python examples/models/filters.py
"""

# ruff: noqa: T201
from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import update
from sqlmodel import Field

from coco_flow.models import (
    Document,
    DocumentFilters,
    ModelContext,
    PipelineModelBase,
    Reference,
    configure,
    current_database,
    execute_model_sync,
    model,
    scan_documents,
)

NOTES = Path(__file__).parents[1] / "flow" / "notes"


class SeenRow(PipelineModelBase, table=True):
    """A document that a run was about."""

    __tablename__ = "seen"
    document_id: str = Field(primary_key=True)


@model("filters.seen", SeenRow, write_strategy="merge")
def seen(documents: Any = Reference("documents")) -> list[SeenRow]:
    """Note each document."""
    return [SeenRow(document_id=document_id) for document_id in documents["id"]]


def main() -> None:
    """Run with one filter after the other."""
    configure(database="sqlite:///filters.db")
    scan_documents(NOTES, source="notes")
    table = Document.__table__  # type: ignore[attr-defined]
    with current_database().writing() as connection:
        pets = update(table).where(table.c.path == "cat.md")
        connection.execute(pets.values(cluster="pets", status="reviewed"))

    for filters in (
        DocumentFilters(),
        DocumentFilters(ids="notes/boat.md, notes/cat.md"),
        DocumentFilters(with_status="reviewed"),
        DocumentFilters(source="notes"),
        DocumentFilters(in_cluster=["pets", "plants"]),
        DocumentFilters(with_content_type="text/markdown"),
        DocumentFilters(include_pattern="c*.md"),
        DocumentFilters(include_pattern="c*.md", exclude_pattern="*fee.md"),
        DocumentFilters(limit=3),
    ):
        done = execute_model_sync(seen, ModelContext(filters))
        print(f"{filters.as_dict() or 'no filter'}: {done['documents']} documents")


if __name__ == "__main__":
    main()
