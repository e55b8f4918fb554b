"""Inputs as defaults of parameters, and settings with bounds that can be given from outside.

python examples/models/references.py
COCO_FLOW_MODEL__NOTES_SECTIONS__MAX_CHARS=1000 python examples/models/references.py
"""

# ruff: noqa: T201
from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlmodel import Field

from coco_flow.errors import InvalidSetting
from coco_flow.models import (
    ConfigParam,
    ModelConfig,
    Overrides,
    PipelineModelBase,
    Reference,
    configure,
    execute_model_sync,
    model,
    scan_documents,
)

NOTES = Path(__file__).parents[1] / "flow" / "notes"


class SectionRow(PipelineModelBase, table=True):
    """A part of a document."""

    __tablename__ = "sections"
    document_id: str = Field(primary_key=True)
    section_id: str = Field(primary_key=True)
    text: str


class SectionsConfig(ModelConfig):
    """How documents are cut."""

    max_chars: int = ConfigParam(200, ge=50, le=20_000, description="Longest section")
    language: str = ConfigParam("en", fallback="NOTES_LANGUAGE", description="Language of the text")


@model(
    "notes.sections",
    db_model=SectionRow,
    primary_key=["document_id", "section_id"],
    write_strategy="replace",
    config_schema=SectionsConfig,
)
def sections(
    documents: Any = Reference("documents", load_content=True),
    writer: Any = None,
    config: Any = None,
) -> dict[str, Any]:
    """Cut documents into parts of equal length."""
    rows = []
    for document in documents.df.to_dict("records"):
        text = document["content"]
        for start in range(0, len(text), config.max_chars):
            place = f"{document['id']}#{start // config.max_chars}"
            part = text[start : start + config.max_chars]
            rows.append(SectionRow(document_id=document["id"], section_id=place, text=part))
    return {**writer.write(rows), "max_chars": config.max_chars, "language": config.language}


def main() -> None:
    """Run with the defaults, with a file and `--set`, and out of bounds."""
    configure(database="sqlite:///references.db")
    scan_documents(NOTES)

    done = execute_model_sync(sections)
    print(f"default: {done['max_chars']} characters, {done['rows_written']} sections")

    # What coco_models.toml and `coco-flow models run --set notes.sections.max_chars=500` would say.
    given = Overrides({"notes.sections.max_chars": 500}, file={"shared": {"NOTES_LANGUAGE": "de"}})
    done = execute_model_sync(sections, overrides=given)
    print(f"given: {done['max_chars']} characters, {done['language']}, {done['deleted']} deleted")

    try:
        execute_model_sync(sections, overrides=Overrides({"notes.sections.max_chars": 5}))
    except InvalidSetting as error:
        print("refused:", error.message)


if __name__ == "__main__":
    main()
