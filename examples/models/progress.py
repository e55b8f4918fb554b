"""Progress and messages from inside a model, from any of its threads, while it runs.

python examples/models/progress.py
"""

# ruff: noqa: T201
from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    Event,
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    configure,
    current_database,
    listening,
    model,
    read_events,
    run_pipeline_sync,
)


class SquareRow(PipelineModelBase, table=True):
    """A number and its square."""

    __tablename__ = "squares"
    number: int = Field(primary_key=True)
    square: int


@model("progress.squares", SquareRow)
def squares(ctx: ModelContext, writer: Any) -> dict[str, Any]:
    """Compute squares in threads that report what they do."""
    rows: list[SquareRow] = []

    def compute(number: int) -> None:
        rows.append(SquareRow(number=number, square=number**2))
        if number == 13:
            ctx.log.warning("13 is said to bring bad luck")
        ctx.progress(len(rows), 20, f"{number}² is {number**2}")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(compute, range(20)))
    ctx.log.info(f"{len(rows)} squares")
    done: dict[str, Any] = writer.write(rows)
    return done


PIPELINE = PipelineConfig("progress", [squares])


def main() -> None:
    """Print events as they happen, and then what the run's record has of them."""
    configure(database="sqlite:///progress.db")

    def show(_: str, event: Event) -> None:
        done = f"{event.done}/{event.total} " if event.kind == "progress" else ""
        print(f"{event.model or 'pipeline'} {event.kind}: {done}{event.message}".rstrip(": "))

    with listening(show):
        done = run_pipeline_sync(PIPELINE)

    recorded = list(read_events(current_database(), done["workflow_id"]))
    kinds = [event.kind for event in recorded]
    print(f"recorded: {kinds.count('log')} messages, the last event is {kinds[-1]!r}")


if __name__ == "__main__":
    main()
