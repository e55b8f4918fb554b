"""The three forms of `sources`: a table, a table with options, a table with a filter.

python examples/models/source_forms.py
"""

# ruff: noqa: T201
from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    DocumentFilters,
    ModelContext,
    PipelineModelBase,
    configure,
    execute_model_sync,
    model,
    scan_documents,
)

NOTES = Path(__file__).parents[1] / "flow" / "notes"


class SizeRow(PipelineModelBase, table=True):
    """How large a document is."""

    __tablename__ = "sizes"
    document_id: str = Field(primary_key=True)
    title: str | None
    characters: int


@model(
    "forms.sizes",
    SizeRow,
    sources={
        # A table, or a model's name: all its rows, of the run's documents.
        "all": "documents",
        # With options: load_content, columns, filter, document_column, batch_rows.
        "texts": ("documents", {"load_content": True, "columns": ["id", "content_path"]}),
        # With a filter: a function of the run's filters that returns conditions on columns.
        "ready": ("documents", lambda filters: {"status": filters.with_status or "ready"}),
    },
)
def sizes(sources: Any, ctx: ModelContext) -> list[SizeRow]:
    """Join what the sources give."""
    ctx.log(f"sources: {', '.join(f'{name} {len(sources[name])}' for name in sources)}")
    joined = sources["ready"].merge(sources["texts"][["id", "content"]], on="id")
    return [
        SizeRow(document_id=row.id, title=row.title, characters=len(row.content))
        for row in joined.itertuples()
    ]


if __name__ == "__main__":
    configure(database="sqlite:///source_forms.db")
    scan_documents(NOTES)
    done = execute_model_sync(sizes)
    print(f"all: {done['rows_written']} rows of {done['documents']} documents")
    done = execute_model_sync(sizes, ModelContext(DocumentFilters(ids="boat.md,cat.md")))
    print(f"two: {done['rows_written']} rows of {done['documents']} documents")
