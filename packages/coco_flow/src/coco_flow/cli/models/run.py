"""`coco-flow models run`."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.models.application import chosen_database, load_models, require_engine
from coco_flow.cli.models.options import allow_errors_option, database_option, target_argument
from coco_flow.cli.options import json_option, quiet_option
from coco_flow.cli.terminal import Terminal, terminal_of
from coco_flow.errors import RunConflict, RunNotFound

if TYPE_CHECKING:
    from coco_flow.models.config import Overrides
    from coco_flow.models.database import Database

__all__ = ["command"]


@click.command("run")
@target_argument()
@click.option(
    "--id", "run", metavar="RUN", help="The run's id. Default: a new one. A run that has ended "
    "under this id is shown as it is recorded; one that was interrupted goes on.",
)  # fmt: skip
@click.option(
    "--delta/--full",
    default=False,
    help="Process only documents of which something changed, or all. Default: all.",
)
@click.option("--ids", metavar="LIST", help="Only the documents of these ids: a,b,c.")
@click.option("--status", metavar="TEXT", help="Only documents with this status.")
@click.option("--source", metavar="TEXT", help="Only documents from this source.")
@click.option("--cluster", metavar="TEXT", help="Only documents of this cluster.")
@click.option("--content-type", metavar="TEXT", help="Only documents of this content type.")
@click.option("--include", metavar="GLOB", help="Only documents whose path matches.")
@click.option("--exclude", metavar="GLOB", help="No documents whose path matches.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), help="At most N documents, first by id."
)
@click.option(
    "--set", "given", metavar="MODEL.NAME=VALUE", multiple=True, help="A setting of a model."
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of models. Default: coco_models.toml, if it is there.",
)
@click.option(
    "--metadata", metavar="NAME=VALUE", multiple=True, help="What ctx.metadata gives to all models."
)
@allow_errors_option
@database_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    target: str,
    *,
    run: str | None,
    delta: bool,
    given: tuple[str, ...],
    config: Path | None,
    metadata: tuple[str, ...],
    allow_errors: bool,
    database: str | None,
    quiet: bool,
    **filters: Any,
) -> int:
    """Run a pipeline durably.

    A run that is killed, by whatever, goes on where it stopped with `resume`. Ctrl-C cancels it in
    order. Filters of documents combine with "and"; those other than --ids need a table named
    documents.
    """
    from coco_flow.cli.models.following import FollowedRun

    del quiet
    terminal = terminal_of(context)
    settings, extra = _pairs("--set", given), _pairs("--metadata", metadata)
    application = load_models(target)
    pipeline = application.pipeline(terminal, "to run")
    require_engine()
    chosen = chosen_database(database)
    from coco_flow.models.context import ModelContext
    from coco_flow.models.filters import DocumentFilters
    from coco_flow.models.graph import build_graph
    from coco_flow.models.pipeline import run_pipeline

    models = [one.name for one in build_graph(pipeline.model_names).models]
    if run is not None:
        _look_at_known(terminal, chosen, run, pipeline.name)
    run = run or f"{pipeline.name}-{uuid.uuid4().hex[:12]}"
    model_context = ModelContext(
        filters=DocumentFilters(**_filters(filters)),
        incremental_mode="delta" if delta else "full",
        workflow_id=run,
        metadata=extra,
    )
    overrides = _overrides(config, settings)
    followed = FollowedRun(
        terminal, chosen, run, models, application.target, database, allow_errors
    )
    return followed.complete(
        lambda: run_pipeline(pipeline, model_context, overrides=overrides, database=chosen)
    )


def _pairs(option: str, given: tuple[str, ...]) -> dict[str, Any]:
    pairs: dict[str, Any] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{option} {one!r}: write NAME=VALUE.")
        pairs[name] = value
    return pairs


# The options' names of filters that have others in DocumentFilters.
_FILTERS = {
    "status": "with_status",
    "cluster": "in_cluster",
    "content_type": "with_content_type",
    "include": "include_pattern",
    "exclude": "exclude_pattern",
}


def _filters(options: dict[str, Any]) -> dict[str, Any]:
    return {_FILTERS.get(name, name): value for name, value in options.items()}


def _overrides(config: Path | None, settings: dict[str, Any]) -> Overrides:
    from coco_flow.models.config import Overrides, read_config_file

    found = read_config_file(config)
    return Overrides(settings, found.file, found.file_name)


def _look_at_known(terminal: Terminal, database: Database, run: str, pipeline: str) -> None:
    """Say what there is under an id already.

    Raises:
        RunConflict: It is a run of another pipeline.
    """
    from coco_flow.models.runs import run_of

    try:
        known = run_of(database, run)
    except RunNotFound:
        return
    if known.pipeline != pipeline:
        raise RunConflict(
            f"The run {run} is one of pipeline {known.pipeline!r}, not of {pipeline!r}.",
            hint="Choose another --id.",
        )
    if known.status in ("success", "failed"):
        terminal.note(f"The run {run} has ended; this is what it recorded.")
    elif known.status == "running":
        terminal.note(
            f"Another process works on the run {run}; waiting for it. To see it: coco-flow models "
            f"status {run} --follow"
        )
    else:
        terminal.note(f"The run {run} was {known.status}; it goes on.")
