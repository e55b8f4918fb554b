"""Two processes that open a new SQLite file at once: each waits for the other."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest

from coco_flow.state.sqlite import open_sqlite
from coco_flow.targets.sqlite import _connect

_PROCESSES = 3
# One in two of these fails where a process does not wait.
_FILES = 12


def _open_all(folder: str, barrier: Barrier) -> None:
    for number in range(_FILES):
        barrier.wait(30)
        open_sqlite(f"{folder}/state-{number}.db").close()
        barrier.wait(30)
        _connect(f"{folder}/target-{number}.db", vectors=False).close()


@pytest.mark.slow
def test_processes_open_a_new_file_together(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(_PROCESSES)
    processes = [
        context.Process(target=_open_all, args=(str(tmp_path), barrier)) for _ in range(_PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(90)
    assert [process.exitcode for process in processes] == [0] * _PROCESSES
