"""Functions that run in the worker process; it imports this module by its name.

Run: python -m tests.coco_flow.flow.gpu_functions; prints the worker's process id and waits.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import coco_flow
from coco_flow import DataSlice, op

__all__ = ["Worker", "end_worker", "other_pid", "where", "worker_pid"]


@op.function(gpu=True)
def worker_pid(text: str) -> int:
    return os.getpid()


@op.function(gpu=True)
async def other_pid(text: str) -> int:
    return os.getpid()


@op.function(gpu=True)
def span(text: str) -> str:
    """Return when the call began and ended."""
    began = time.monotonic()
    deadline = began + 0.02
    while time.monotonic() < deadline:
        pass
    return f"{began} {time.monotonic()}"


@op.function(gpu=True)
def wait_in(folder: str) -> str:
    """Wait, in the first worker that is asked, until that is killed."""
    marker = Path(folder) / "first"
    if marker.exists():
        return f"answered by {os.getpid()}"
    waiting = Path(folder) / "waiting"
    waiting.write_text(str(os.getpid()), encoding="utf-8")
    waiting.rename(marker)
    while True:
        time.sleep(60)


@op.function(gpu=True)
def end_worker(text: str) -> str:
    """End the process whenever the text says so."""
    if text == "poison":
        os._exit(7)
    return text


@op.function(gpu=True)
def fail(text: str) -> str:
    raise LookupError(f"no entry for {text}")


class Worker(op.FunctionSpec):
    """A function with a state."""

    name: str


@op.executor_class(gpu=True)
class WorkerExecutor:
    spec: Worker

    def __init__(self) -> None:
        self._prepared = 0
        self._calls = 0

    def prepare(self) -> None:
        self._prepared += 1

    def __call__(self, text: str) -> str:
        self._calls += 1
        return f"{self.spec.name} {id(self)} {self._prepared} {self._calls} {os.getpid()}"


@coco_flow.transform_flow()
def where(text: DataSlice[str]) -> DataSlice[int]:
    return text.transform(worker_pid)


if __name__ == "__main__":
    print(where.eval("x"), flush=True)
    input()
