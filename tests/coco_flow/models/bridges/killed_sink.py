"""A model with a sink whose process ends itself at a chosen moment of the export."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event
from sqlmodel import Field

from coco_flow import op
from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    configure,
    model,
    run_pipeline_sync,
    shutdown,
)

MOMENTS = ("committed", "writing", "written")
"""The rows are in the table; a batch goes to the target; it is there and not recorded yet."""


class FolderTarget(op.TargetSpec):
    folder: str


@op.target_connector(spec_cls=FolderTarget)
class _Folder:
    @staticmethod
    def get_persistent_key(spec: FolderTarget) -> str:
        return spec.folder

    @staticmethod
    def apply_setup_change(key: str, previous: Any, current: Any) -> None:
        if current is not None:
            Path(key).mkdir(exist_ok=True)

    @staticmethod
    def mutate(*batches: tuple[FolderTarget, dict[str, Any]]) -> None:
        _end_at("writing")
        for spec, rows in batches:
            for key, row in rows.items():
                path = Path(spec.folder) / key
                if row is None:
                    path.unlink(missing_ok=True)
                else:
                    path.write_text(row["text"], encoding="utf-8")
        _end_at("written")


class Upper(PipelineModelBase, table=True):
    __tablename__ = "upper"
    document_id: str = Field(primary_key=True)
    text: str


@model("killed.upper", Upper, sink=FolderTarget(folder="out"))
def upper(writer, documents=Reference("documents")):
    with Path("calls").open("a", encoding="utf-8") as calls:
        calls.write("called\n")
    rows = documents.to_dict("records")
    writer.write([{"document_id": row["id"], "text": row["body"].upper()} for row in rows])


def _end_at(moment: str) -> None:
    """End the process, once, if it is to end at this moment."""
    chosen = Path("moment")
    if chosen.exists() and chosen.read_text(encoding="utf-8") == moment:
        chosen.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def _look(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
    if statement.startswith("INSERT INTO coco_model_snapshots"):
        _end_at("committed")


def main(url: str, run: str, mode: str) -> None:
    event.listen(Engine, "before_cursor_execute", _look)
    configure(database=url)
    context = ModelContext(workflow_id=run, incremental_mode=mode)
    ended = run_pipeline_sync(PipelineConfig("killed", [upper]), context)
    shutdown()
    sys.stdout.write(str(ended["results"]["killed.upper"]["sink"]))


if __name__ == "__main__":
    main(*sys.argv[1:])
