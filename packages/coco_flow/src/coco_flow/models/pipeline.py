"""A pipeline of models, and how it is run."""

from __future__ import annotations

import asyncio
import difflib
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from coco_flow.errors import DefinitionError, ModelNotFound
from coco_flow.models.batches import run_batches
from coco_flow.models.checks import check_run
from coco_flow.models.config import Overrides, read_config_file
from coco_flow.models.context import ModelContext
from coco_flow.models.database import Database, database_of
from coco_flow.models.events import ModelEvents
from coco_flow.models.execution import ModelWork
from coco_flow.models.filters import DocumentFilters
from coco_flow.models.finishing import finish_model
from coco_flow.models.graph import build_graph
from coco_flow.models.registry import ModelRegistry
from coco_flow.models.store.documents import prepare

__all__ = [
    "PipelineConfig",
    "execute_model_sync",
    "get_pipeline",
    "pipelines",
    "prepare_run",
    "run_pipeline",
    "run_pipeline_sync",
]

_pipelines: dict[str, PipelineConfig] = {}


@dataclass(frozen=True)
class PipelineConfig:
    """Models that are run together.

    Attributes:
        name: Its name on the command line and in the history of runs.
        models: The models, by name or as the decorated functions, in any order.
        stop_on_error: Whether a model that fails stops what comes after its level; otherwise only
            models that need it are skipped.
        batches_at_once: Batches of a model that one process works on at a time.
    """

    name: str
    models: Sequence[str | Callable[..., Any]]
    stop_on_error: bool = True
    batches_at_once: int = 2

    def __post_init__(self) -> None:
        if not self.models:
            raise DefinitionError(f"The pipeline {self.name!r} has no models.")
        _pipelines[self.name] = self

    @property
    def model_names(self) -> list[str]:
        """The names of its models."""
        return [_name_of(one) for one in self.models]


def _name_of(given: str | Callable[..., Any]) -> str:
    if isinstance(given, str):
        return given
    declared = getattr(given, "model", None)
    if declared is None:
        raise DefinitionError(
            f"{given!r} is no model.", hint="Decorate the function with @model(…)."
        )
    name: str = declared.name
    return name


def pipelines() -> dict[str, PipelineConfig]:
    """Return the pipelines that the program has made, by name."""
    return dict(_pipelines)


def get_pipeline(name: str) -> PipelineConfig:
    """Return a pipeline by name, or one of all models whose names begin with ``name.``.

    Raises:
        ModelNotFound: There is neither.
    """
    if name in _pipelines:
        return _pipelines[name]
    found = [one for one in ModelRegistry.names() if one == name or one.startswith(f"{name}.")]
    if found:
        made = PipelineConfig(name, found)
        # It is not one of the program's: models that are declared later belong to it, too.
        del _pipelines[name]
        return made
    modules = {model.rpartition(".")[0] for model in ModelRegistry.names()}
    known = sorted({*_pipelines, *modules, *ModelRegistry.names()})
    near = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    raise ModelNotFound(
        f"There is no pipeline {name!r}, and no model of that module.{guess}",
        hint=f"Pipelines: {', '.join(sorted(_pipelines)) or 'none'}; models: "
        f"{', '.join(ModelRegistry.names()) or 'none'}.",
    )


def prepare_run(
    models: Sequence[str], context: ModelContext, database: Database, overrides: Overrides
) -> dict[str, Any]:
    """Check models, find out which documents are meant, and return the run as plain data.

    Raises:
        DefinitionError: The models, their tables or columns do not fit together.
        InvalidSetting: A setting is out of bounds or unknown.
    """
    prepare(database)
    database.forget_tables()
    graph = build_graph(models)
    resolved = _resolved(context, database)
    check_run(graph, database, resolved, overrides)
    return {
        "models": [one.name for one in graph.models],
        "filters": resolved.filters.as_dict(),
        "incremental_mode": resolved.incremental_mode,
        "metadata": dict(resolved.metadata),
        "set": overrides.given,
        "file": overrides.file,
        "file_name": overrides.file_name,
    }


def _resolved(context: ModelContext, database: Database) -> ModelContext:
    if not context.filters.needs_table:
        return context
    documents = database.table("documents") if database.has_table("documents") else None
    with database.reading() as connection:
        return replace(context, filters=context.filters.resolve(connection, documents))


async def run_pipeline(
    pipeline: PipelineConfig,
    ctx: ModelContext | None = None,
    *,
    overrides: Overrides | None = None,
    database: str | Database | None = None,
) -> dict[str, Any]:
    """Run a pipeline durably: a run that was killed goes on where it stopped under the same id.

    In a DBOS workflow of the program, the models are steps of that workflow.

    Args:
        pipeline: The pipeline.
        ctx: Which documents, full or delta, and the run's id; a run that has ended under that id
            returns what is recorded.
        overrides: Settings of models. Default: `coco_models.toml` and the environment.
        database: A URL. Default: the process's database.

    Returns:
        `workflow_id`, `pipeline`, `status` ("success" or "failed"), `models_executed`, `skipped`,
        `results` and `errors` by model, `failed_documents`, `telemetry`.

    Raises:
        DefinitionError: The models, their tables or columns do not fit together; nothing ran.
        InvalidSetting: A setting is out of bounds or unknown; nothing ran.
        RunCancelled: The run was cancelled.
        ExtraMissing: DBOS is not installed.
    """
    from coco_flow.models.engine import engine_of, require_dbos

    require_dbos()
    from coco_flow.models.runs import enclosing_workflow, follow, run_inside, start

    chosen = database_of(database)
    context = ctx or ModelContext()
    overrides = overrides or read_config_file()

    def prepared() -> dict[str, Any]:
        spec = prepare_run(pipeline.model_names, context, chosen, overrides)
        return {
            **spec,
            "pipeline": pipeline.name,
            "stop_on_error": pipeline.stop_on_error,
            "batches_at_once": pipeline.batches_at_once,
        }

    outer = enclosing_workflow()
    if outer is not None:
        await asyncio.to_thread(engine_of, chosen, batches_at_once=pipeline.batches_at_once)
        return await run_inside(prepared, context.workflow_id or outer)
    spec = await asyncio.to_thread(prepared)
    engine = await asyncio.to_thread(engine_of, chosen, batches_at_once=pipeline.batches_at_once)
    run = context.workflow_id or f"{pipeline.name}-{uuid.uuid4().hex[:12]}"
    await start(engine, run, spec)
    return await follow(engine, run)


def run_pipeline_sync(
    pipeline: PipelineConfig,
    ctx: ModelContext | None = None,
    *,
    overrides: Overrides | None = None,
    database: str | Database | None = None,
) -> dict[str, Any]:
    """Do what `run_pipeline` does, from synchronous code."""
    return asyncio.run(run_pipeline(pipeline, ctx, overrides=overrides, database=database))


def execute_model_sync(
    name: str | Callable[..., Any],
    ctx: ModelContext | None = None,
    *,
    overrides: Overrides | None = None,
    database: str | Database | None = None,
) -> dict[str, Any]:
    """Run one model without durability, in this thread; for tests and scripts.

    Returns:
        The model's result: what its function returned, `rows_written`, `inserted`, `updated`,
        `deleted`, `table_name`, `documents`, `failed_documents`, `telemetry`, `seconds`.

    Raises:
        CocoError: The model cannot run; what its function raises comes through as it is.
    """
    chosen = database_of(database)
    context = ctx or ModelContext()
    overrides = overrides or read_config_file()
    declared = ModelRegistry.get(_name_of(name))
    spec = prepare_run([declared.name], context, chosen, overrides)
    run = context.workflow_id or f"{declared.name}-{uuid.uuid4().hex[:12]}"
    events = ModelEvents(run, declared.name)
    resolved = replace(
        context, filters=DocumentFilters(**spec["filters"]), workflow_id=run
    ).with_events(events)
    key = f"{run}:{uuid.uuid4().hex[:12]}"
    work = ModelWork(declared, chosen, resolved, overrides, key)
    result = work.execute() if declared.batch_size is None else run_batches(work, 1)
    return finish_model(declared, chosen, key, result, events)
