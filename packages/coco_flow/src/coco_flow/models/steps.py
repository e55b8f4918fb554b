"""One durable step of a run: work in a thread, its events in the run's stream, cancellation."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Any

from dbos import DBOS

from coco_core.errors import Unavailable
from coco_flow.errors import ModelFailed
from coco_flow.models.engine import current_engine
from coco_flow.models.events import Event, ModelEvents, reason_of

__all__ = ["EVENTS", "do_step", "figures_of", "write_event"]

EVENTS = "events"
"""The key of a run's stream of events."""

# How soon an event is in the stream, and a cancellation seen by the model.
_DRAIN_SECONDS = 0.1
_CANCEL_SECONDS = 1.0

# How long a run waits for its database server to come back.
_OUTAGE_SECONDS = 600.0

Work = Callable[[ModelEvents], Any]


async def do_step(run: str, model: str, work: Work, *, is_whole: bool = True) -> Any:
    """Call `work` in a thread; write its events to the stream and pass a cancellation on.

    Args:
        run: The run's id.
        model: The model's name.
        work: Takes the events to report to.
        is_whole: Whether this is all of the model: then its begin and end are events, too.

    Raises:
        ModelFailed: It raised; the message has the reason.
    """
    loop = asyncio.get_running_loop()
    pending: asyncio.Queue[Event] = asyncio.Queue()

    def put(event: Event) -> None:
        loop.call_soon_threadsafe(pending.put_nowait, event)

    events = ModelEvents(run, model, put)
    if is_whole:
        events.happened("started")
    task = asyncio.ensure_future(asyncio.to_thread(_endured, work, events))
    try:
        await _follow(run, task, events, pending)
    except BaseException:
        # The run was cancelled or taken over: the model must not go on alone.
        events.cancel()
        await asyncio.gather(task, return_exceptions=True)
        raise
    try:
        result = await task
    except Exception as error:
        logging.getLogger(f"coco_flow.models.{model}").debug("%s failed", model, exc_info=error)
        raise _failure(model, error) from None
    if is_whole:
        await write_event(run, Event(time.time(), model, "ended", data=figures_of(result)))
    return result


def _endured(work: Work, events: ModelEvents) -> Any:
    """Do the work; if the database server goes away, wait until it is back and do it again.

    Nothing of the work was committed then, and no step could be recorded meanwhile anyway.
    """
    database = current_engine().database
    while True:
        try:
            return work(events)
        except Unavailable as error:
            if database.is_sqlite or events.cancelled:
                _tell(events, error)
                raise
            events.log(f"{error.message} The model is run again when it is back.", "error")
            if not database.wait_until_reachable(_OUTAGE_SECONDS):
                _tell(events, error)
                raise
        except Exception as error:
            _tell(events, error)
            raise


def _tell(events: ModelEvents, error: Exception) -> None:
    assert events.model is not None
    events.happened("failed", _failure(events.model, error).message)


async def _follow(
    run: str, task: asyncio.Future[Any], events: ModelEvents, pending: asyncio.Queue[Event]
) -> None:
    checked = time.monotonic()
    while not task.done() or not pending.empty():
        await asyncio.wait([task], timeout=_DRAIN_SECONDS)
        events.flush()
        # What a thread has just put is there after one round of the loop.
        await asyncio.sleep(0)
        for event in _coalesced(pending):
            await DBOS.write_stream_async(EVENTS, event.as_dict())
        if not task.done() and time.monotonic() - checked >= _CANCEL_SECONDS:
            checked = time.monotonic()
            status = await DBOS.get_workflow_status_async(run)
            if status is not None and status.status == "CANCELLED":
                events.cancel()


async def write_event(run: str, event: Event) -> None:
    """Give an event to the log, the listeners and the stream of the workflow of this step."""
    ModelEvents(run, event.model).send(event)
    await DBOS.write_stream_async(EVENTS, event.as_dict())


def _coalesced(pending: asyncio.Queue[Event]) -> list[Event]:
    """Take what waits; of reports of progress in a row only the last counts."""
    found: list[Event] = []
    while not pending.empty():
        event = pending.get_nowait()
        if found and event.kind == "progress" and found[-1].kind == "progress":
            found[-1] = event
        else:
            found.append(event)
    return found


def _failure(model: str, error: Exception) -> ModelFailed:
    failed = ModelFailed(f"{model}: {reason_of(error)}")
    # The record of a step keeps the error's attributes, and the policy of retries reads this one.
    failed.kind = type(error).__name__  # type: ignore[attr-defined]
    return failed


def figures_of(result: Any) -> dict[str, Any]:
    """Return the figures of a result that the run's stream has."""
    return {name: value for name, value in result.items() if isinstance(value, str | int | float)}
