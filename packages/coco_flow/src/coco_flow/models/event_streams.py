"""A run's events as one sequence, from the streams of the run and of its batches."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dbos import DBOSClient
from dbos import error as dbos_errors

from coco_flow.errors import RunNotFound
from coco_flow.models.events import Event
from coco_flow.models.records import OPEN, opened, required
from coco_flow.models.steps import EVENTS

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = ["read_events"]

# How long one look waits for an event of a stream that is still written.
_LOOK_SECONDS = 0.02
_POLL_SECONDS = 0.2


def read_events(database: Database, run: str, *, follow: bool = False) -> Iterator[Event]:
    """Return a run's events, oldest first.

    Args:
        database: The database of the models.
        run: The run.
        follow: Wait for more until the run ends.

    Raises:
        RunNotFound: There is no run of that id.
    """
    with opened(database) as client:
        known = required(client, run)
        offsets: dict[str, int] = {}
        closed: set[str] = set()
        while True:
            streams = _streams(known, run)
            if run not in streams:
                raise RunNotFound(
                    f"There is no run {run!r}.", hint="coco-flow models history lists them."
                )
            found = [
                event
                for stream, is_open in streams.items()
                if stream not in closed
                for event in _new(known, stream, offsets, is_open=is_open)
            ]
            yield from sorted(found, key=lambda event: event.time)
            closed |= {stream for stream, is_open in streams.items() if not is_open}
            if not follow or not streams[run]:
                return
            time.sleep(_POLL_SECONDS)


def _streams(client: DBOSClient, run: str) -> dict[str, bool]:
    """Return the workflows of a run, and whether each may still write events."""
    found: list[Any] = [
        *client.list_workflows(workflow_ids=[run], load_input=False, load_output=False),
        *client.list_workflows(workflow_id_prefix=f"{run}/", load_input=False, load_output=False),
    ]
    return {one.workflow_id: one.status in OPEN for one in found}


def _new(
    client: DBOSClient, stream: str, offsets: dict[str, int], *, is_open: bool
) -> Iterator[Event]:
    """Return the events of one stream that were not read yet."""
    values = client.read_stream(
        stream, EVENTS, offset=offsets.get(stream, 0),
        timeout_seconds=_LOOK_SECONDS if is_open else None, polling_interval_sec=_LOOK_SECONDS,
    )  # fmt: skip
    try:
        for value in values:
            offsets[stream] = offsets.get(stream, 0) + 1
            yield Event.from_dict(value)
    except dbos_errors.DBOSStreamTimeoutError:
        # There is no more for now.
        return
