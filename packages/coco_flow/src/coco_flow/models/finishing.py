"""What follows a model's rows: a snapshot, tests of its table, the export to its sink."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coco_flow.models.column_tests import run_tests
from coco_flow.models.snapshots import take_snapshot

if TYPE_CHECKING:
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model
    from coco_flow.models.events import ModelEvents

__all__ = ["finish_model"]


def finish_model(
    declared: Model,
    database: Database,
    run: str,
    result: dict[str, Any],
    events: ModelEvents,
) -> dict[str, Any]:
    """Take the snapshot, run the tests, export the rows, and return the result with all figures.

    `test_error` is there if a test of severity "error" failed: the model then counts as failed,
    although its rows are in the table; they are not exported.

    Raises:
        ModelFailed: Not all rows got to the model's sink.
        RunCancelled: The run was cancelled while they were exported.
    """
    take_snapshot(declared, database, run)
    outcomes = run_tests(declared, database, run)
    for one in outcomes:
        if one.failures:
            events.log(one.sentence, "error" if one.severity == "error" else "warning")
    broken = [one.sentence for one in outcomes if one.failures and one.severity == "error"]
    sink = _export(declared, database, run, events) if not broken else None
    tests = {"passed": sum(not one.failures for one in outcomes), "total": len(outcomes)}
    return {
        **result,
        **({"tests": tests} if outcomes else {}),
        **({"sink": sink} if sink else {}),
        **({"test_error": f"{declared.name}: {'; '.join(broken)}"} if broken else {}),
    }


def _export(
    declared: Model, database: Database, run: str, events: ModelEvents
) -> dict[str, Any] | None:
    if declared.sink is None:
        return None
    # What flows are made of is needed by models with a sink only.
    from coco_flow.models.sinks import export_to_sink

    return export_to_sink(declared, database, run, events)
