"""Rows made of other programs' results: renamed fields, predictions and their telemetry.

    python examples/models/row_classes.py

Once with an `__init__` that calls the helpers, once declared by `_field_renames` and
`_dspy_mappings`. The language model is DSPy's own dummy.
"""

# ruff: noqa: T201
from __future__ import annotations

import logging
from typing import Any, ClassVar

from sqlalchemy import JSON, Column
from sqlmodel import Field

from coco_flow.models import (
    LLMTelemetryMixin,
    PipelineModelBase,
    TableReader,
    TableWriter,
    apply_dspy_telemetry,
    apply_field_renames,
    configure,
    run_batch,
    serialize,
)
from coco_flow.models.dspy_lm import load_dspy


class ByHandRow(LLMTelemetryMixin, PipelineModelBase, table=True):
    """A row that makes its columns itself."""

    __tablename__ = "by_hand"
    document_id: str = Field(primary_key=True)
    title: str
    topics_json: Any = Field(default=None, sa_column=Column(JSON))

    def __init__(self, **data: Any) -> None:
        apply_field_renames(data, {"doc_id": "document_id", "heading": "title"})
        if "prediction" in data:
            data["topics_json"] = serialize(data.pop("prediction").topics, [])
        apply_dspy_telemetry(data)
        super().__init__(**data)


class DeclaredRow(LLMTelemetryMixin, PipelineModelBase, table=True):
    """The same, declared."""

    __tablename__ = "declared"
    _field_renames: ClassVar[dict[str, str]] = {"doc_id": "document_id", "heading": "title"}
    _dspy_mappings: ClassVar[dict[str, str]] = {"topics_json": "topics"}

    document_id: str = Field(primary_key=True)
    title: str
    topics_json: Any = Field(default=None, sa_column=Column(JSON))


def main() -> None:
    """Make both rows of one prediction, and write them."""
    logging.getLogger("dspy").setLevel(logging.ERROR)
    dummy = load_dspy().utils.DummyLM([{"topics": '["bread", "flour"]'}])
    [one] = run_batch("text -> topics: list[str]", [{"text": "Bread is flour."}], lm=dummy)

    by_hand = ByHandRow(
        doc_id="a", heading="Bread", prediction=one.result, dspy_telemetry=one.telemetry
    )
    declared = DeclaredRow(
        doc_id="a", heading="Bread", dspy_result=one.result, dspy_telemetry=one.telemetry
    )
    configure(database="sqlite:///row_classes.db")
    for row in (by_hand, declared):
        TableWriter(write_strategy="replace").write([row])
        columns = ["document_id", "title", "topics_json", "llm_model", "llm_input_tokens"]
        print(TableReader().load(row.__tablename__, columns).to_dict("records"))


if __name__ == "__main__":
    main()
