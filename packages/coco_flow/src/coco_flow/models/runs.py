"""Runs as they are recorded: starting, following, resuming, cancelling, listing."""

from __future__ import annotations

import asyncio
import itertools
import logging
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dbos import DBOS, DBOSClient, SetWorkflowID
from dbos import error as dbos_errors

from coco_core.errors import Unavailable
from coco_flow.errors import RunCancelled, RunConflict, RunNotFound
from coco_flow.models.engine import Engine, engine_of, liveness_for
from coco_flow.models.records import OPEN, opened, required
from coco_flow.models.store.results import copy_results
from coco_flow.models.workflows import PIPELINE, run_models, run_pipeline_workflow

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = [
    "Run",
    "cancel_run",
    "enclosing_workflow",
    "follow",
    "fork_run",
    "resume_run",
    "run_inside",
    "run_of",
    "runs_of",
    "start",
    "take_over",
]

_logger = logging.getLogger("coco_flow.models.runs")

_POLL_SECONDS = 0.2
_CANCEL_SECONDS = 5.0
# How often the work of other processes is looked at, for those that were killed.
_TAKE_OVER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run.

    Attributes:
        id: Its id.
        pipeline: The pipeline's name.
        status: "running", "waiting", "interrupted" (its process is gone), "success", "failed" or
            "cancelled".
        started: When it was started.
        ended: When it ended.
        models: The steps that have ended: name, seconds, error.
        result: What `run_pipeline` returned, or None.
        spec: The models, context and settings that it was started with.
    """

    id: str
    pipeline: str
    status: str
    started: datetime | None
    ended: datetime | None
    models: list[dict[str, Any]]
    result: dict[str, Any] | None
    spec: dict[str, Any]


def enclosing_workflow() -> str | None:
    """Return the id of the program's own DBOS workflow that this code runs in, if any."""
    return DBOS.workflow_id if DBOS.workflow_id is not None and DBOS.step_id is None else None


async def run_inside(prepared: Callable[[], dict[str, Any]], run: str) -> dict[str, Any]:
    """Run models as steps of the enclosing workflow.

    Args:
        prepared: Checks the pipeline and returns the run as plain data; recorded, so that a
            repetition is about the same documents.
        run: The run's id.
    """
    spec = await DBOS.run_step_async({"name": "prepare"}, prepared)
    return await run_models(spec, run)


async def start(engine: Engine, run: str, spec: dict[str, Any]) -> None:
    """Start a run, or take it up again if it is there and no process works on it."""
    known = await DBOS.get_workflow_status_async(run)
    if known is None:
        with SetWorkflowID(run):
            await DBOS.start_workflow_async(run_pipeline_workflow, spec)
        return
    other = known.input["args"][0].get("pipeline") if known.input else None
    if other != spec["pipeline"]:
        raise RunConflict(
            f"The run {run} is one of pipeline {other!r}, not of {spec['pipeline']!r}.",
            hint="Choose another id.",
        )
    if known.status == "CANCELLED" or (
        known.status == "PENDING" and await asyncio.to_thread(_is_orphan, engine, known)
    ):
        await DBOS.resume_workflow_async(run)


def _is_orphan(engine: Engine, known: Any) -> bool:
    executor = known.executor_id
    return executor != engine.executor_id and not engine.liveness.is_alive(executor)


async def follow(engine: Engine, run: str) -> dict[str, Any]:
    """Wait for a run's end, taking over its batches from processes that were killed.

    Raises:
        RunCancelled: It was cancelled.
    """
    handle: Any = await DBOS.retrieve_workflow_async(run)
    waiting = asyncio.ensure_future(handle.get_result(polling_interval_sec=_POLL_SECONDS))
    try:
        while not waiting.done():
            await asyncio.wait([waiting], timeout=_TAKE_OVER_SECONDS)
            if not waiting.done():
                await asyncio.to_thread(_take_over_batches, engine, run)
        result: dict[str, Any] = await waiting
    except dbos_errors.DBOSAwaitedWorkflowCancelledError as error:
        raise RunCancelled(
            f"The run {run} was cancelled.",
            hint=f"Continue it: coco-flow models resume {run}",
        ) from error
    except (asyncio.CancelledError, KeyboardInterrupt):
        await _cancelled_in_time(run)
        raise
    finally:
        waiting.cancel()
    return result


def _take_over_batches(engine: Engine, run: str) -> None:
    try:
        take_over(engine, f"{run}/")
    except Unavailable:
        # The models report the outage; there is another look soon.
        _logger.debug("the processes of run %s cannot be looked at", run, exc_info=True)


async def _cancelled_in_time(run: str) -> None:
    """Cancel a run whose caller is leaving; a database that is gone must not hold it up."""
    cancelling = asyncio.ensure_future(DBOS.cancel_workflow_async(run, cancel_children=True))
    await asyncio.wait([cancelling], timeout=_CANCEL_SECONDS)


def take_over(engine: Engine, prefix: str | None = None) -> list[str]:
    """Let the queue give out again what processes worked on that are gone.

    Args:
        engine: This process's engine.
        prefix: Only workflows whose ids begin so; None means all.

    Returns:
        The ids of what was taken over.
    """
    engine.liveness.renew()
    pending = DBOS.list_workflows(
        status="PENDING", workflow_id_prefix=prefix, load_input=False, load_output=False
    )
    executors = {one.executor_id for one in pending} - {engine.executor_id, None}
    gone = {executor for executor in executors if not engine.liveness.is_alive(str(executor))}
    orphans = [one.workflow_id for one in pending if one.executor_id in gone]
    if orphans:
        DBOS.resume_workflows(orphans)
    return orphans


def runs_of(database: Database, *, limit: int = 20, pipeline: str | None = None) -> list[Run]:
    """Return the latest runs, newest first."""
    with opened(database) as client:
        if client is None:
            return []
        # The records know no pipelines, so all are looked through for those of one.
        most = limit if pipeline is None else None
        found = client.list_workflows(name=PIPELINE, limit=most, sort_desc=True)
        runs = (_as_run(database, client, one, with_models=False) for one in found)
        chosen = (one for one in runs if pipeline is None or one.pipeline == pipeline)
        return list(itertools.islice(chosen, limit))


def run_of(database: Database, run: str) -> Run:
    """Return a run.

    Raises:
        RunNotFound: There is none of that id.
    """
    with opened(database) as client:
        known = required(client, run)
        found = known.list_workflows(workflow_ids=[run], name=PIPELINE)
        if not found:
            raise RunNotFound(
                f"There is no run {run!r}.", hint="coco-flow models history lists them."
            )
        return _as_run(database, known, found[0], with_models=True)


def _as_run(database: Database, client: DBOSClient, found: Any, *, with_models: bool) -> Run:
    spec = found.input["args"][0] if found.input else {}
    status = {
        "SUCCESS": (found.output or {}).get("status", "success") if found.output else "success",
        "ERROR": "failed",
        "CANCELLED": "cancelled",
        "ENQUEUED": "waiting",
        "DELAYED": "waiting",
    }.get(found.status, "running")
    if status == "running" and not liveness_for(database).is_alive(found.executor_id):
        status = "interrupted"
    return Run(
        found.workflow_id,
        spec.get("pipeline", "?"),
        status,
        _time(found.created_at),
        _time(found.updated_at) if found.status not in OPEN else None,
        _steps(client, found.workflow_id) if with_models else [],
        found.output,
        spec,
    )


def _time(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _steps(client: DBOSClient, run: str) -> list[dict[str, Any]]:
    steps = []
    for step in client.list_workflow_steps(run):
        name = step["function_name"]
        child = step.get("child_workflow_id")
        if name.startswith("DBOS.") and child is None:
            continue
        begun, ended = step.get("started_at_epoch_ms"), step.get("completed_at_epoch_ms")
        steps.append(
            {
                "id": step["function_id"],
                "name": child.rpartition("/")[2] if child else name,
                "seconds": (ended - begun) / 1000 if begun and ended else None,
                "error": str(step["error"]) if step.get("error") else None,
            }
        )
    return steps


def cancel_run(database: Database, run: str) -> Run:
    """Ask a run to stop: a model that runs ends at its next sign of life, no other begins.

    Raises:
        RunNotFound: There is no run of that id.
        RunConflict: It has ended.
    """
    known = run_of(database, run)
    if known.status in ("success", "failed", "cancelled"):
        raise RunConflict(f"The run {run} has ended: {known.status}.")
    with opened(database) as client:
        required(client, run).cancel_workflow(run, cancel_children=True)
    return run_of(database, run)


async def resume_run(database: Database, run: str) -> dict[str, Any]:
    """Continue a run that was interrupted, cancelled or failed, and wait for its end.

    A failed run goes on as a new one that has what the old one did; its id is in the result.

    Raises:
        RunNotFound: There is no run of that id.
        RunConflict: A process works on it.
    """
    known = await asyncio.to_thread(run_of, database, run)
    if known.status == "running":
        raise RunConflict(
            f"The run {run} is being worked on.", hint=f"Follow it: coco-flow models status {run}"
        )
    engine = await asyncio.to_thread(engine_of, database)
    if known.status == "success" and known.result is not None:
        return known.result
    if known.status == "failed":
        spec = known.spec
        new = f"{run}-{uuid.uuid4().hex[:6]}"
        await asyncio.to_thread(copy_results, database, run, new)
        await start(engine, new, spec)
        return await follow(engine, new)
    await DBOS.resume_workflow_async(run)
    return await follow(engine, run)


async def fork_run(database: Database, run: str, model: str) -> dict[str, Any]:
    """Run again from a model on: what ended before it is taken as it is.

    Returns:
        The result of the new run, with its id.

    Raises:
        RunNotFound: There is no run of that id, or the model is no step of it.
    """
    known = await asyncio.to_thread(run_of, database, run)
    step = next((one for one in known.models if one["name"] == model), None)
    if step is None:
        steps = dict.fromkeys(str(one["name"]) for one in known.models)
        names = ", ".join(name for name in steps if name in known.spec["models"])
        raise RunNotFound(f"The run {run} has no step {model!r}.", hint=f"Its steps: {names}.")
    engine = await asyncio.to_thread(engine_of, database)
    handle = await DBOS.fork_workflow_async(run, step["id"])
    return await follow(engine, handle.get_workflow_id())
