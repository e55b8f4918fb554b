from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

import pytest

from coco_core.errors import InvalidInput, Unavailable
from coco_embed.workers import DocumentWorkers


def test_every_unit_is_done_once_on_several_threads() -> None:
    workers = DocumentWorkers(3)
    done: list[int] = []
    names: set[str] = set()
    together = threading.Barrier(3)

    def work(unit: int, check: object) -> None:
        if unit < 3:
            together.wait(30)
        done.append(unit)
        names.add(threading.current_thread().name)

    workers.run(work, range(50))
    assert sorted(done) == list(range(50))
    assert len(names) == 3
    workers.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a priority for each thread")
def test_workers_yield_to_everyone_else() -> None:
    workers = DocumentWorkers(1)
    seen: list[int] = []
    workers.run(lambda unit, check: seen.append(os.getpriority(os.PRIO_PROCESS, 0)), [0])
    # An absolute value: whoever runs the tests may be nice already, and cannot become less so.
    assert seen == [max(10, os.getpriority(os.PRIO_PROCESS, 0))]
    workers.close()


def test_the_first_error_is_raised_and_ends_the_rest() -> None:
    workers = DocumentWorkers(2)
    failed, stopped = threading.Event(), threading.Event()

    def work(unit: int, check: Callable[[], None]) -> None:
        if unit == 0:
            failed.set()
            raise KeyError(unit)
        assert failed.wait(30)
        try:
            while True:
                check()
        except Unavailable:
            stopped.set()
            raise

    with pytest.raises(KeyError):
        workers.run(work, range(100))
    assert stopped.wait(30)
    workers.close()


def test_no_thread_is_too_few() -> None:
    with pytest.raises(InvalidInput, match="at least one"):
        DocumentWorkers(0)
