"""The graph: models that need nothing of each other run at the same time.

python examples/models/parallel.py
"""

# ruff: noqa: T201
from __future__ import annotations

import time
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    Event,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    Retry,
    build_graph,
    configure,
    listening,
    model,
    run_pipeline_sync,
)

SECONDS = 1.0


class LeftRow(PipelineModelBase, table=True):
    """What the first model writes."""

    __tablename__ = "left_side"
    number: int = Field(primary_key=True)


class MiddleRow(PipelineModelBase, table=True):
    """What the second model writes."""

    __tablename__ = "middle"
    number: int = Field(primary_key=True)


class RightRow(PipelineModelBase, table=True):
    """What the third model writes."""

    __tablename__ = "right_side"
    number: int = Field(primary_key=True)


class SumRow(PipelineModelBase, table=True):
    """What is made of all three."""

    __tablename__ = "total"
    number: int = Field(primary_key=True)


@model("parallel.left", LeftRow)
def left() -> list[LeftRow]:
    """Wait, as a model does that asks a service."""
    time.sleep(SECONDS)
    return [LeftRow(number=1)]


@model("parallel.middle", MiddleRow)
def middle() -> list[MiddleRow]:
    """Wait, too."""
    time.sleep(SECONDS)
    return [MiddleRow(number=2)]


attempts: list[float] = []


@model("parallel.right", RightRow, retry=Retry(attempts=3, interval=0.01))
def right() -> list[RightRow]:
    """Fail at first, and succeed when it is tried again."""
    attempts.append(time.monotonic())
    if len(attempts) == 1:
        raise ConnectionError("the service is away")
    time.sleep(SECONDS)
    return [RightRow(number=4)]


@model("parallel.total", SumRow)
def total(
    a: Any = Reference("parallel.left"),
    b: Any = Reference("parallel.middle"),
    c: Any = Reference("parallel.right"),
) -> list[SumRow]:
    """Add up what the three wrote."""
    return [SumRow(number=int(a["number"].sum() + b["number"].sum() + c["number"].sum()))]


PIPELINE = PipelineConfig("parallel", [total, left, middle, right])


def main() -> None:
    """Run the pipeline, and print when its models began and ended."""
    configure(database="sqlite:///parallel.db")
    for number, level in enumerate(build_graph(PIPELINE.model_names).levels, 1):
        print(f"level {number}: {', '.join(one.name for one in level)}")
    events: list[Event] = []
    with listening(lambda _, event: events.append(event)):
        done = run_pipeline_sync(PIPELINE)
    first = [event for event in events if event.model in ("parallel.left", "parallel.middle")]
    begun = max(event.time for event in first if event.kind == "started")
    ended = min(event.time for event in first if event.kind == "ended")
    print(f"{done['status']}; the first two waited at the same time: {begun < ended}")
    print(f"parallel.right was called {len(attempts)} times")


if __name__ == "__main__":
    main()
