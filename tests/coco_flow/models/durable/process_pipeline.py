"""Models in processes of their own: two that keep a core busy, one that raises, one that dies."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    TableReader,
    model,
    read_events,
    run_pipeline_sync,
    shutdown,
)
from coco_flow.models.database import database_of


class Left(PipelineModelBase, table=True):
    __tablename__ = "process_left"
    id: int = Field(primary_key=True)
    began: float
    ended: float


class Right(PipelineModelBase, table=True):
    __tablename__ = "process_right"
    id: int = Field(primary_key=True)
    began: float
    ended: float


class Broken(PipelineModelBase, table=True):
    __tablename__ = "process_broken"
    id: int = Field(primary_key=True)


class Killed(PipelineModelBase, table=True):
    __tablename__ = "process_killed"
    id: int = Field(primary_key=True)


def _busy(ctx: ModelContext) -> dict[str, Any]:
    began = time.time()
    ctx.log(f"process {os.getpid()}")
    until = time.process_time() + 0.8
    while time.process_time() < until:
        pass
    return {"id": os.getpid(), "began": began, "ended": time.time()}


@model("process.left", Left, executor="process")
def left(ctx, writer):
    return writer.write([_busy(ctx)])


@model("process.right", Right, executor="process")
def right(ctx, writer):
    return writer.write([_busy(ctx)])


@model("process.broken", Broken, executor="process")
def broken(writer):
    raise ValueError("broken in the process")


@model("process.killed", Killed, executor="process")
def killed(writer):
    os.kill(os.getpid(), signal.SIGKILL)


def run(url: str, models: list[str], name: str) -> dict[str, Any]:
    return run_pipeline_sync(
        PipelineConfig("process", models), ModelContext(workflow_id=name), database=url
    )


def main(url: str) -> None:
    result = run(url, ["process.left", "process.right", "process.broken"], "r1")
    rows = TableReader(database=url).query(
        "SELECT id, began, ended FROM process_left UNION SELECT id, began, ended FROM process_right"
    )
    events = [event.message for event in read_events(database_of(url), "r1") if event.kind == "log"]
    lines = {
        "status": result["status"],
        "error": result["errors"]["process.broken"],
        "processes": len({*rows["id"], os.getpid()}),
        "overlap": rows["began"].max() < rows["ended"].min(),
        "logged": sorted(events) == sorted(f"process {one}" for one in rows["id"]),
    }
    for name, value in lines.items():
        sys.stdout.write(f"{name} {value}\n")
    shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
