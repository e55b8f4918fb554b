"""The service removes by itself what retention does not keep, and goes on after a failure."""

from __future__ import annotations

import threading

import structlog
from structlog.testing import capture_logs

from coco_core.errors import Unavailable
from coco_protocol.server.system import PruneData
from coco_server.domain.retention_scheduler import RetentionScheduler
from tests.waiting import until


def test_it_goes_on_after_every_failure_and_ends_when_it_is_closed() -> None:
    calls: list[int] = []

    def prune() -> PruneData:
        calls.append(len(calls))
        if len(calls) == 1:
            raise Unavailable("The database is away.")
        if len(calls) == 2:
            raise ZeroDivisionError
        return PruneData(versions=3)

    structlog.reset_defaults()
    with capture_logs() as logs:
        scheduler = RetentionScheduler(prune, first=0.0, every=0.0)
        scheduler.start()
        until(lambda: len(calls) > 3)
        scheduler.close()
        until(lambda: "coco-retention" not in {each.name for each in threading.enumerate()})
    said = [(each["event"], each["log_level"]) for each in logs[:3]]
    assert said == [
        ("retention_failed", "warning"),
        ("retention_failed", "error"),
        ("retention", "info"),
    ]
    assert logs[2]["versions"] == 3
