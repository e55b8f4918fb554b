"""A program with DBOS of its own, which runs a pipeline inside one of its workflows."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from dbos import DBOS, SetWorkflowID
from sqlmodel import Field

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    configure,
    current_database,
    model,
    read_events,
    run_pipeline,
    runs_of,
    shutdown,
)


class First(PipelineModelBase, table=True):
    __tablename__ = "own_first"
    id: str = Field(primary_key=True)


class Second(PipelineModelBase, table=True):
    __tablename__ = "own_second"
    id: str = Field(primary_key=True)


@model("own.first", First)
def first(ctx, writer):
    ctx.progress(1, 1, "one")
    return writer.write([{"id": "1"}])


@model("own.second", Second)
def second(rows=Reference("own.first"), writer=None):
    return writer.write([{"id": row} for row in rows["id"]])


PIPELINE = PipelineConfig("own", [first, second])


@DBOS.workflow()
async def outer():
    return await run_pipeline(PIPELINE, ModelContext(workflow_id=DBOS.workflow_id))


async def main() -> None:
    with SetWorkflowID("outer-1"):
        handle = await DBOS.start_workflow_async(outer)
    inside = await handle.get_result()
    steps = await DBOS.list_workflow_steps_async("outer-1")
    direct = await run_pipeline(PIPELINE, ModelContext(workflow_id="direct"))
    lines = {
        "inside": inside["status"],
        "steps": [step["function_name"] for step in steps],
        "stream": [event["kind"] async for event in DBOS.read_stream_async("outer-1", "events")],
        "direct": direct["status"],
        "runs": [run.id for run in await asyncio.to_thread(runs_of, current_database())],
        "events": await asyncio.to_thread(
            lambda: [event.kind for event in read_events(current_database(), "direct")]
        ),
    }
    for name, value in lines.items():
        sys.stdout.write(f"{name} {value}\n")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    configure(database=f"sqlite:///{folder}/models.db")
    DBOS(
        config={
            "name": "program",
            "system_database_url": f"sqlite:///{folder}/program.db",
            "log_level": "ERROR",
        }
    )
    DBOS.launch()
    asyncio.run(main())
    shutdown()
    DBOS.destroy()
