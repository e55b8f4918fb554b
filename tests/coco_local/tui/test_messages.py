"""Events are frozen, and only the newest of a kind is worth handling."""

from __future__ import annotations

import dataclasses
import inspect
import threading

import pytest
from textual.message import Message

from coco_local.tui import messages
from coco_local.tui.latest import Latest
from coco_local.tui.messages import ActionFinished, ConnectionLost, LookupFailed, ProjectChosen


def test_events_are_frozen() -> None:
    event = LookupFailed(1, "no")
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.sequence = 2
    assert event.sequence == 1


def test_newer_event_replaces_an_older_one_of_its_kind() -> None:
    newer, older = ConnectionLost("b", ""), ConnectionLost("a", "")
    assert newer.can_replace(older)
    assert not newer.can_replace(ProjectChosen("p"))
    assert not ActionFinished("one").can_replace(ActionFinished("two"))


def test_only_what_a_parent_handles_goes_up_to_it() -> None:
    events = {
        name: kind
        for name, kind in inspect.getmembers(messages, inspect.isclass)
        if issubclass(kind, Message) and name in messages.__all__
    }
    bubbling = {name for name, kind in events.items() if kind.bubble}
    assert bubbling == {"ActionFailed", "ActionFinished", "ProjectChosen"}


def test_requests_that_wait_give_way_to_the_newest() -> None:
    begun, go_on, done = threading.Event(), threading.Event(), threading.Event()
    handled: list[int] = []

    def handle(request: int) -> None:
        handled.append(request)
        begun.set()
        go_on.wait(10)
        if request == 9:
            done.set()

    worker = Latest("test", handle)
    worker.start()
    worker.submit(0)
    assert begun.wait(10)
    for request in range(1, 10):
        worker.submit(request)
    go_on.set()
    assert done.wait(10)
    worker.stop()
    worker.join()
    assert handled == [0, 9]
