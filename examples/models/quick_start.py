"""The smallest pipeline: a model that counts words, and one that reads what the first wrote.

python examples/models/quick_start.py
"""

# ruff: noqa: T201
from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    PipelineConfig,
    PipelineModelBase,
    TableReader,
    configure,
    model,
    run_pipeline_sync,
    scan_documents,
)

NOTES = Path(__file__).parents[1] / "flow" / "notes"


class WordsRow(PipelineModelBase, table=True):
    """How many words a document has."""

    __tablename__ = "words"
    document_id: str = Field(primary_key=True)
    words: int


@model("quick.words", WordsRow, sources={"input": ("documents", {"load_content": True})})
def words(sources: Any, writer: Any) -> dict[str, Any]:
    """Count the words of each document."""
    rows = [
        WordsRow(document_id=document["id"], words=len(document["content"].split()))
        for document in sources["input"].to_dict("records")
    ]
    done: dict[str, Any] = writer.write(rows)
    return done


class LengthRow(PipelineModelBase, table=True):
    """How many documents are short or long."""

    __tablename__ = "lengths"
    length: str = Field(primary_key=True)
    documents: int


@model("quick.lengths", LengthRow, sources={"words": "quick.words"})
def lengths(sources: Any) -> list[LengthRow]:
    """Count short and long documents; returned rows are written as well."""
    counts = sources["words"]["words"].ge(60).map({True: "long", False: "short"}).value_counts()
    return [LengthRow(length=length, documents=count) for length, count in counts.items()]


PIPELINE = PipelineConfig("quick", [words, lengths])

if __name__ == "__main__":
    configure(database="sqlite:///quick_start.db")
    scan_documents(NOTES)
    done = run_pipeline_sync(PIPELINE)
    print(done["status"], done["models_executed"])
    for name, result in done["results"].items():
        print(f"{name}: {result['rows_written']} rows in {result['table_name']}")
    print(TableReader().load("lengths", columns=["length", "documents"]).to_string(index=False))
