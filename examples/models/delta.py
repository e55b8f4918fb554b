"""Delta mode: after an edit, only what it concerns is done again.

python examples/models/delta.py
"""

# ruff: noqa: T201
from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    ConfigParam,
    ModelConfig,
    ModelContext,
    Overrides,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    configure,
    model,
    run_pipeline_sync,
    scan_documents,
)

NOTES = Path(__file__).parents[1] / "flow" / "notes"


class LineRow(PipelineModelBase, table=True):
    """A line of a document."""

    __tablename__ = "lines"
    document_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    text: str


class LinesConfig(ModelConfig):
    """Which lines count."""

    least_chars: int = ConfigParam(1, ge=0, le=1000)


@model("delta.lines", LineRow, config_schema=LinesConfig)
def lines(
    documents: Any = Reference("documents", load_content=True), config: Any = None
) -> list[LineRow]:
    """Cut documents into lines."""
    return [
        LineRow(document_id=document["id"], number=number, text=text)
        for document in documents.to_dict("records")
        for number, text in enumerate(document["content"].splitlines())
        if len(text) >= config.least_chars
    ]


class LongestRow(PipelineModelBase, table=True):
    """The longest line of a document."""

    __tablename__ = "longest"
    document_id: str = Field(primary_key=True)
    characters: int


@model("delta.longest", LongestRow)
def longest(found: Any = Reference("delta.lines")) -> Any:
    """Find the longest line of each document."""
    lengths = found.assign(characters=found["text"].str.len())
    return lengths.groupby("document_id", as_index=False)["characters"].max()


PIPELINE = PipelineConfig("delta", [lines, longest])


def run(what: str, folder: Path, overrides: Overrides | None = None) -> None:
    """Bring the tables in step with the folder, and print what it took."""
    scan_documents(folder)
    done = run_pipeline_sync(PIPELINE, ModelContext(incremental_mode="delta"), overrides=overrides)
    figures = ", ".join(
        f"{name} {one['documents']} documents (+{one['inserted']} ~{one['updated']} "
        f"-{one['deleted']})"
        for name, one in done["results"].items()
    )
    print(f"{what}: {figures}")


def main() -> None:
    """Edit, delete, and change a setting."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "notes"
        shutil.copytree(NOTES, folder)
        configure(database=f"sqlite:///{name}/delta.db")
        run("first run", folder)
        run("nothing changed", folder)
        with (folder / "boat.md").open("a", encoding="utf-8") as file:
            file.write("\nOne more line, which is by far the longest of all that are here.\n")
        (folder / "cat.md").unlink()
        run("one edited, one deleted", folder)
        run("a setting changed", folder, Overrides({"delta.lines.least_chars": 20}))


if __name__ == "__main__":
    main()
