"""The worker's rest: when nothing happens, memory goes back; what failed waits without turning."""

from __future__ import annotations

import threading
import time

import pytest

from coco_local.indexing import worker
from coco_local.indexing.worker import IndexWorker

# Nothing here takes longer unless it is broken.
_PATIENCE = 60.0


def test_a_worker_with_nothing_to_do_gives_memory_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_REST_SECONDS", 0.01)
    monkeypatch.setattr(worker, "_LONGEST_SLEEP", 0.01)
    monkeypatch.setattr(worker, "_REST_AFTER_SECONDS", 0.0)
    rested = threading.Event()
    idle = IndexWorker(list, lambda: None, rested.set)
    idle.start()
    assert rested.wait(_PATIENCE)
    assert idle.stop(_PATIENCE)


def test_a_worker_that_is_woken_does_not_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_REST_AFTER_SECONDS", 0.0)
    rounds, enough, rested = 0, threading.Event(), threading.Event()

    def on_round() -> None:
        nonlocal rounds
        rounds += 1
        if rounds == 50:
            enough.set()
        busy.wake()

    busy = IndexWorker(list, on_round, rested.set)
    busy.start()
    assert enough.wait(_PATIENCE)
    assert busy.stop(_PATIENCE)
    assert not rested.is_set()


class Broken:
    """A project whose every step fails."""

    def __init__(self, due: float) -> None:
        self._due = due

    def step(self) -> bool:
        raise OSError("no space left")

    def due_in(self, now: float) -> float:
        del now
        return self._due

    def failed(self, error: Exception) -> None:
        del error


@pytest.mark.parametrize("due", [0.0, 3600.0])
def test_what_failed_is_due_at_its_next_try_and_not_before(due: float) -> None:
    broken = Broken(due)
    idle = IndexWorker(lambda: [broken], lambda: None, lambda: None)
    before = time.monotonic()
    assert idle._due_in(broken, before) == due
    assert not idle._step(broken)
    # The step failed after the one time and before the other.
    assert idle._due_in(broken, before) >= worker._RETRY_SECONDS
    assert idle._due_in(broken, time.monotonic()) <= worker._RETRY_SECONDS
