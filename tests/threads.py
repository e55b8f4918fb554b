"""Calls in threads of a test: many at once, and one that is broken off."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from coco_core.errors import Unavailable

__all__ = ["at_once", "broken_off"]


def at_once(*calls: Callable[[], object]) -> None:
    """Make each call in a thread of its own, and wait for all."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


@contextmanager
def broken_off(call: Callable[[], object]) -> Iterator[threading.Thread]:
    """Make a call in a thread; what the block does must end it with `Unavailable`."""
    problems: list[Unavailable] = []

    def run() -> None:
        try:
            call()
        except Unavailable as error:
            problems.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    yield thread
    thread.join(30)
    assert len(problems) == 1
