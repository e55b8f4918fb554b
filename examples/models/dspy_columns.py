"""A language model's answers as columns of a frame, with what they cost.

    python examples/models/dspy_columns.py

COCO_FLOW_LLM_MODEL and COCO_FLOW_LLM_API_KEY name the language model. Without it, a server of this
program answers by rules (local_llm.py).
"""

# ruff: noqa: T201
from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd
from local_llm import local_llm
from sqlalchemy import JSON, Column
from sqlmodel import Field

from coco_flow.models import (
    LLMTelemetryMixin,
    ModelContext,
    PipelineModelBase,
    Reference,
    TableReader,
    apply_dspy_on_df,
    configure,
    execute_model_sync,
    model,
    scan_documents,
)

NOTES = Path(__file__).parents[1] / "flow" / "notes"


class SummaryRow(LLMTelemetryMixin, PipelineModelBase, table=True):
    """What a language model says about a document."""

    __tablename__ = "summaries"
    document_id: str = Field(primary_key=True)
    summary: str | None = None
    entities: list[str] | None = Field(default=None, sa_column=Column(JSON))
    characters: int | None = None


@model("dspy.summaries", SummaryRow)
def summaries(
    ctx: ModelContext, documents: Any = Reference("documents", load_content=True)
) -> pd.DataFrame:
    """Ask about each document; a call that fails sets the row's `error`."""

    def shorten(row: dict[str, Any]) -> dict[str, Any]:
        return {**row, "content": row["content"][:2000]}

    def measure(row: dict[str, Any], prediction: Any) -> dict[str, Any]:
        return {**row, "characters": len(prediction.summary)}

    asked = apply_dspy_on_df(
        documents,
        "text -> summary, entities: list[str]",
        input_fields={"text": "content"},
        output_fields={"summary": "summary", "entities": "entities"},
        pre_hook=shorten,
        post_hook=measure,
        max_concurrent=4,
        ctx=ctx,
    )
    asked = asked.rename(columns={"id": "document_id"})
    return asked[[column for column in asked.columns if column in SummaryRow.model_fields]]


def main() -> None:
    """Ask about the notes, and print the answers."""
    configure(database="sqlite:///dspy_columns.db")
    scan_documents(NOTES)
    done = execute_model_sync(summaries)
    print("telemetry:", done["telemetry"])
    columns = ["document_id", "summary", "entities", "llm_input_tokens"]
    print(TableReader().load("summaries", columns).head(3).to_string(index=False))


if __name__ == "__main__":
    if os.environ.get("COCO_FLOW_LLM_MODEL"):
        main()
    else:
        with local_llm() as address:
            os.environ["COCO_FLOW_LLM_API_BASE"] = address
            os.environ["COCO_FLOW_LLM_MODEL"] = "openai/by-rules"
            main()
