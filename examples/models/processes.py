"""Models that keep a core busy, in processes of their own, so that each has a core.

python examples/models/processes.py
"""

# ruff: noqa: T201
from __future__ import annotations

import os
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    configure,
    model,
    run_pipeline_sync,
)


class LowPrimesRow(PipelineModelBase, table=True):
    """How many primes there are in a range, and which process counted them."""

    __tablename__ = "low_primes"
    end: int = Field(primary_key=True)
    primes: int
    process: int


class HighPrimesRow(PipelineModelBase, table=True):
    """The same of another range."""

    __tablename__ = "high_primes"
    end: int = Field(primary_key=True)
    primes: int
    process: int


def primes(ctx: ModelContext, start: int, end: int) -> int:
    """Count primes the slow way, and say how far it is."""
    found = 0
    for number in range(start, end):
        found += number > 1 and all(number % one for one in range(2, int(number**0.5) + 1))
        if number % 10_000 == 0:
            ctx.progress(number - start, end - start)
    return found


@model("primes.low", LowPrimesRow, executor="process")
def low(ctx: ModelContext) -> list[LowPrimesRow]:
    """Count small primes."""
    return [LowPrimesRow(end=60_000, primes=primes(ctx, 0, 60_000), process=os.getpid())]


@model("primes.high", HighPrimesRow, executor="process")
def high(ctx: ModelContext) -> list[HighPrimesRow]:
    """Count larger primes at the same time."""
    count = primes(ctx, 60_000, 100_000)
    return [HighPrimesRow(end=100_000, primes=count, process=os.getpid())]


PIPELINE = PipelineConfig("primes", [low, high])


# The processes import this program, so it must do nothing when it is imported.
if __name__ == "__main__":
    configure(database="sqlite:///processes.db")
    done: dict[str, Any] = run_pipeline_sync(PIPELINE)
    from coco_flow.models import TableReader

    rows = [TableReader().load(table).iloc[0] for table in ("low_primes", "high_primes")]
    print(done["status"], "primes below 60,000 and from there to 100,000:",
          [int(row["primes"]) for row in rows])  # fmt: skip
    print("processes:", len({os.getpid(), *(int(row["process"]) for row in rows)}))
