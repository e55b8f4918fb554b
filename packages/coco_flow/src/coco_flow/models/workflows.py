"""A run as durable workflows: one step for each model, one child workflow for each batch."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from dbos import DBOS, SetWorkflowID
from dbos import error as dbos_errors

from coco_flow.errors import DefinitionError, InvalidSetting, ModelFailed, RunCancelled, WrongRows
from coco_flow.models.batches import run_batches
from coco_flow.models.config import Overrides
from coco_flow.models.context import ModelContext
from coco_flow.models.declaration import Model
from coco_flow.models.engine import QUEUE, current_engine
from coco_flow.models.events import Event, Kind, ModelEvents, reason_of
from coco_flow.models.execution import ModelWork
from coco_flow.models.filters import DocumentFilters
from coco_flow.models.finishing import finish_model
from coco_flow.models.graph import build_graph
from coco_flow.models.processes import run_in_process
from coco_flow.models.registry import ModelRegistry
from coco_flow.models.steps import EVENTS, do_step, figures_of, write_event
from coco_flow.models.telemetry import sum_telemetry

__all__ = ["BATCH", "MODEL", "PIPELINE", "run_models", "run_pipeline_workflow"]

PIPELINE = "coco_models.pipeline"
MODEL = "coco_models.model"
BATCH = "coco_models.batch"


def context_of(spec: dict[str, Any], run: str) -> ModelContext:
    """Return the context that a run was started with."""
    return ModelContext(
        filters=DocumentFilters(**spec["filters"]),
        incremental_mode=spec["incremental_mode"],
        workflow_id=run,
        metadata=spec["metadata"],
    )


def overrides_of(spec: dict[str, Any]) -> Overrides:
    """Return the settings that a run was started with."""
    return Overrides(spec["set"], spec["file"], spec["file_name"])


@DBOS.workflow(name=PIPELINE)
async def run_pipeline_workflow(spec: dict[str, Any]) -> dict[str, Any]:
    """Run a pipeline as a workflow of its own; see `run_models`."""
    run = DBOS.workflow_id
    assert run is not None
    ended = await run_models(spec, run)
    await DBOS.close_stream_async(EVENTS)
    return ended


async def run_models(spec: dict[str, Any], run: str) -> dict[str, Any]:
    """Run a pipeline's models level by level, as steps of the workflow that calls this.

    Args:
        spec: The pipeline's name and models, the context and the settings, as plain data.
        run: The run's id.

    Returns:
        The result of each model, what failed, and the sums of telemetry.
    """
    started = time.time()
    graph = build_graph(spec["models"])
    results: dict[str, dict[str, Any]] = {}
    errors: dict[str, str] = {}
    skipped: set[str] = set()
    for level in graph.levels:
        if errors and spec["stop_on_error"]:
            skipped |= {one.name for one in level}
            continue
        blocked = {name for failed in errors for name in graph.downstream(failed)}
        skipped |= {one.name for one in level if one.name in blocked}
        runnable = [one for one in level if one.name not in blocked]
        # The steps get their numbers in this order, which a repetition has too.
        outcomes = await asyncio.gather(*(_outcome(spec, run, one) for one in runnable))
        for one, (result, error) in zip(runnable, outcomes, strict=True):
            if result is not None:
                results[one.name] = result
            if error is not None:
                errors[one.name] = error
    ended = {
        "workflow_id": run,
        "pipeline": spec["pipeline"],
        "status": "failed" if errors else "success",
        "models_executed": [one.name for one in graph.models if one.name in results],
        "skipped": sorted(skipped),
        "results": results,
        "errors": errors,
        "failed_documents": {
            name: result["failed_documents"]
            for name, result in results.items()
            if result.get("failed_documents")
        },
        "telemetry": sum_telemetry(result.get("telemetry", {}) for result in results.values()),
    }
    await DBOS.run_step_async({"name": "end"}, _end, run, ended, started)
    return ended


async def _end(run: str, ended: dict[str, Any], started: float) -> None:
    kind: Kind = "failed" if ended["errors"] else "ended"
    message = "; ".join(ended["errors"].values())
    data = {"seconds": round(time.time() - started, 3), "telemetry": ended["telemetry"]}
    await write_event(run, Event(time.time(), None, kind, message, data=data))


async def _outcome(
    spec: dict[str, Any], run: str, declared: Model
) -> tuple[dict[str, Any] | None, str | None]:
    """Run one model; return its result and why it failed.

    A model whose tests failed has both.
    """
    try:
        if declared.batch_size is not None and not current_engine().database.is_sqlite:
            with SetWorkflowID(f"{run}/{declared.name}"):
                handle = await DBOS.start_workflow_async(_model_workflow, spec, run, declared.name)
            result = await handle.get_result()
            if "failed" in result:
                return None, result["failed"]
        else:
            result = await DBOS.run_step_async(
                _step_options(declared), _model_step, spec, run, declared.name
            )
    except dbos_errors.DBOSMaxStepRetriesExceeded as error:
        return None, _last(error)
    except ModelFailed as error:
        return None, error.message
    return result, result.get("test_error")


def _step_options(declared: Model) -> Any:
    retry = declared.retry
    if retry is None:
        return {"name": declared.name}
    return {
        "name": declared.name,
        "retries_allowed": True,
        "max_attempts": retry.attempts,
        "interval_seconds": retry.interval,
        "backoff_rate": retry.backoff,
        "should_retry": _is_worth_a_retry,
    }


def _is_worth_a_retry(error: BaseException) -> bool:
    """Whether the same call may do better: not when what it is given is wrong."""
    cause = getattr(error, "kind", None)
    return cause not in _FINAL


_FINAL = {kind.__name__ for kind in (DefinitionError, InvalidSetting, WrongRows, RunCancelled)}


async def _model_step(spec: dict[str, Any], run: str, name: str) -> dict[str, Any]:
    """Do a model in this process, with its events going into the run's stream."""
    declared = ModelRegistry.get(name)

    def work(events: ModelEvents) -> dict[str, Any]:
        context = context_of(spec, run).with_events(events)
        overrides = overrides_of(spec)
        database = current_engine().database
        if declared.batch_size is not None:
            work = ModelWork(declared, database, context, overrides)
            result = run_batches(work, spec["batches_at_once"])
        elif declared.executor == "process":
            result = run_in_process(declared, database, context, overrides)
        else:
            result = ModelWork(declared, database, context, overrides).execute()
        return finish_model(declared, database, run, result, events)

    result: dict[str, Any] = await do_step(run, name, work)
    return result


@DBOS.workflow(name=MODEL)
async def _model_workflow(spec: dict[str, Any], run: str, name: str) -> dict[str, Any]:
    """Do a model whose batches any process may take.

    Returns:
        The model's result, or why it failed under "failed".
    """
    try:
        count = await DBOS.run_step_async({"name": "plan"}, _plan_step, spec, run, name)
        handles = []
        for number in range(count):
            with SetWorkflowID(f"{run}/{name}/{number}"):
                handles.append(
                    await DBOS.enqueue_workflow_async(
                        QUEUE, _batch_workflow, spec, run, name, number
                    )
                )
        failures = [reason for handle in handles if (reason := await handle.get_result())]
        if failures:
            return {
                "failed": f"{len(failures)} of {count} batches of {name} failed; the last one: "
                f"{failures[-1]}"
            }
        result: dict[str, Any] = await DBOS.run_step_async(
            {"name": "finish"}, _finish_step, spec, run, name
        )
    except ModelFailed as error:
        return {"failed": error.message}
    return result


def _work(spec: dict[str, Any], run: str, name: str, events: ModelEvents) -> ModelWork:
    context = context_of(spec, run).with_events(events)
    declared = ModelRegistry.get(name)
    return ModelWork(declared, current_engine().database, context, overrides_of(spec))


async def _plan_step(spec: dict[str, Any], run: str, name: str) -> int:
    await write_event(run, Event(time.time(), name, "started"))

    def work(events: ModelEvents) -> int:
        return _work(spec, run, name, events).plan_batches()

    count: int = await do_step(run, name, work, is_whole=False)
    return count


async def _finish_step(spec: dict[str, Any], run: str, name: str) -> dict[str, Any]:
    def work(events: ModelEvents) -> dict[str, Any]:
        done = _work(spec, run, name, events)
        return finish_model(done.declared, done.database, run, done.finish(), events)

    result: dict[str, Any] = await do_step(run, name, work, is_whole=False)
    await write_event(run, Event(time.time(), name, "ended", data=figures_of(result)))
    return result


@DBOS.workflow(name=BATCH)
async def _batch_workflow(spec: dict[str, Any], run: str, name: str, number: int) -> str | None:
    """Do one batch; return why it failed."""
    try:
        await DBOS.run_step_async(
            _step_options(ModelRegistry.get(name)), _batch_step, spec, run, name, number
        )
    except dbos_errors.DBOSMaxStepRetriesExceeded as error:
        return _last(error)
    except ModelFailed as error:
        return error.message
    return None


async def _batch_step(spec: dict[str, Any], run: str, name: str, number: int) -> None:
    def work(events: ModelEvents) -> None:
        model_work = _work(spec, run, name, events)
        if model_work.declared.executor == "process":
            context, overrides = model_work.context, model_work.overrides
            run_in_process(model_work.declared, model_work.database, context, overrides, [number])
        else:
            model_work.execute_batch(number)
            model_work.report_batches()

    await do_step(run, name, work, is_whole=False)


def _last(error: dbos_errors.DBOSMaxStepRetriesExceeded) -> str:
    return reason_of(error.errors[-1]) if error.errors else str(error)
