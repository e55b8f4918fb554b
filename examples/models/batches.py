"""Documents in batches: each is committed by itself, and a document that fails stops no other.

python examples/models/batches.py
"""

# ruff: noqa: T201
from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    TableReader,
    configure,
    model,
    run_pipeline_sync,
    scan_documents,
)

NOTES = Path(__file__).parents[1] / "flow" / "notes"


class TitleRow(PipelineModelBase, table=True):
    """The title of a document."""

    __tablename__ = "titles"
    document_id: str = Field(primary_key=True)
    title: str | None = None


@model("batches.titles", TitleRow, batch_size=4)
def titles(
    ctx: ModelContext, documents: Any = Reference("documents", load_content=True)
) -> list[TitleRow]:
    """Read titles, and fail where there is none."""
    rows = []
    for document in documents.to_dict("records"):
        first = document["content"].partition("\n")[0]
        if not first.startswith("# "):
            # Who can tell which document is to blame says so: `with ctx.document(id): …`.
            raise ValueError(f"no title, but {first!r}")
        rows.append(TitleRow(document_id=document["id"], title=first.removeprefix("# ")))
    ctx.log.info(f"{len(rows)} titles in one call")
    return rows


PIPELINE = PipelineConfig("batches", [titles])


def run(folder: Path) -> None:
    """Do what there is to do, and print it."""
    scan_documents(folder)
    done = run_pipeline_sync(PIPELINE, ModelContext(incremental_mode="delta"))
    result = done["results"]["batches.titles"]
    print(f"{done['status']}: {result['documents']} documents, {result['rows_written']} rows")
    print(f"  failed: {done['failed_documents'].get('batches.titles', {})}")
    rows = TableReader().load("titles", ["document_id", "error"], {"document_id": "cat.md"})
    print(f"  {rows.to_dict('records')}")


def main() -> None:
    """Run with a document that fails, mend it, and run again."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "notes"
        shutil.copytree(NOTES, folder)
        configure(database=f"sqlite:///{name}/batches.db")
        cat = folder / "cat.md"
        text = cat.read_text(encoding="utf-8")
        cat.write_text("Cats.\n", encoding="utf-8")
        run(folder)
        cat.write_text(text, encoding="utf-8")
        run(folder)


if __name__ == "__main__":
    main()
