"""Functions that tests run in the runner's process, which imports this module."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from coco_flow import components as coco

__all__ = ["die", "die_once", "fail", "pid_async", "pids"]


@coco.fn.as_async(runner=coco.GPU)
def pids(number: int) -> tuple[int, int]:
    return number, os.getpid()


@coco.fn.as_async(runner=coco.GPU)
async def pid_async() -> int:
    return os.getpid()


@coco.fn.as_async(runner=coco.GPU)
def fail(text: str) -> None:
    raise LookupError(text)


@coco.fn.as_async(runner=coco.GPU)
def die_once(mark: Path) -> int:
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


@coco.fn.as_async(runner=coco.GPU)
def die(mark: Path) -> None:
    with mark.open("a") as file:
        file.write("x")
    os.kill(os.getpid(), signal.SIGKILL)
