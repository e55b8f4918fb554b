"""Runs are durable: what ended is not done again, whatever ended the process.

    python examples/models/runs.py

A child process is killed in the second model; the run is taken up again. Then the same id is run
once more, and the run is forked from its last model.
"""

# ruff: noqa: T201
from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from sqlmodel import Field

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    configure,
    current_database,
    fork_run,
    model,
    run_of,
    run_pipeline_sync,
    runs_of,
)

FOLDER = Path(os.environ.get("FOLDER", "."))


def note(text: str) -> None:
    """Write down that a model was called, where a killed process cannot take it back."""
    with (FOLDER / "calls.txt").open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


class FirstRow(PipelineModelBase, table=True):
    """What the first model writes."""

    __tablename__ = "first"
    number: int = Field(primary_key=True)


@model("runs.first", FirstRow)
def first() -> list[FirstRow]:
    """Do what must not be done twice."""
    note("first")
    return [FirstRow(number=number) for number in range(3)]


class SecondRow(PipelineModelBase, table=True):
    """What the second model writes."""

    __tablename__ = "second"
    number: int = Field(primary_key=True)


@model("runs.second", SecondRow)
def second(found: Any = Reference("runs.first"), writer: Any = None) -> dict[str, Any]:
    """Write, and be killed before the rows are committed, at the first time."""
    note("second")
    done: dict[str, Any] = writer.write([SecondRow(number=n * 10) for n in found["number"]])
    if "--killed" in sys.argv:
        os.kill(os.getpid(), 9)
    return done


PIPELINE = PipelineConfig("runs", [first, second])


def calls() -> list[str]:
    """Return which models were called, in order."""
    return (FOLDER / "calls.txt").read_text(encoding="utf-8").split()


def main() -> None:
    """Be killed, go on, repeat, and fork."""
    global FOLDER  # noqa: PLW0603 - the program's own folder
    with tempfile.TemporaryDirectory() as name:
        FOLDER = Path(name)
        child = subprocess.run(
            [sys.executable, __file__, "--killed"], env={**os.environ, "FOLDER": name}, check=False
        )
        print(f"the child ended with {child.returncode} after {calls()}")
        configure(database=f"sqlite:///{name}/runs.db")
        print("state:", run_of(current_database(), "run-1").status)

        done = run_pipeline_sync(PIPELINE, ModelContext(workflow_id="run-1"))
        print(f"taken up again: {done['status']} after {calls()}")
        again = run_pipeline_sync(PIPELINE, ModelContext(workflow_id="run-1"))
        print(f"the same id again: {again == done}, still {len(calls())} calls")
        forked = asyncio.run(fork_run(current_database(), "run-1", "runs.second"))
        print(f"forked from the second: {forked['status']} after {calls()}")
        print("history:", [run.status for run in runs_of(current_database())])


if __name__ == "__main__":
    if "--killed" in sys.argv:
        configure(database=f"sqlite:///{FOLDER}/runs.db")
        run_pipeline_sync(PIPELINE, ModelContext(workflow_id="run-1"))
    else:
        main()
