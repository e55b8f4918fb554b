"""`coco-flow models history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import chosen_database, load_models, require_engine
from coco_flow.cli.models.options import app_option, database_option
from coco_flow.cli.models.tables import write_table
from coco_flow.cli.options import json_option
from coco_flow.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_flow.models.database import Database
    from coco_flow.models.runs import Run

__all__ = ["command"]

_RUNS = ("RUN", "PIPELINE", "STARTED", "TOOK", "STATUS", "MODE", "DOCUMENTS", "MODELS", "ROWS")
_SNAPSHOTS = ("RUN", "TAKEN", "ROWS", "CHANGE", "NULLS")


@click.command("history")
@click.option("--pipeline", metavar="NAME", help="Only runs of this pipeline.")
@click.option("--model", metavar="NAME", help="Rows and nulls of this model's table, run by run.")
@click.option(
    "--limit", metavar="N", type=click.IntRange(min=1), default=20, show_default=True,
    help="How many of the latest are listed.",
)  # fmt: skip
@app_option(required=False)
@database_option
@json_option
@click.pass_context
def command(
    context: click.Context,
    *,
    pipeline: str | None,
    model: str | None,
    limit: int,
    app: str | None,
    database: str | None,
) -> int:
    """List the latest runs, newest first.

    A run that is `interrupted` has lost its process: `resume` continues it. With --model, how many
    rows the model's table had after each run, and which share of each column was null.
    """
    terminal = terminal_of(context)
    if model is not None and pipeline is not None:
        raise click.UsageError("--model and --pipeline cannot be used together.")
    require_engine()
    if app is not None:
        load_models(app)
    chosen = chosen_database(database)
    if model is not None:
        _write_snapshots(terminal, chosen, model, limit)
    else:
        _write_runs(terminal, chosen, pipeline, limit)
    return Exit.OK


def _write_runs(terminal: Terminal, database: Database, pipeline: str | None, limit: int) -> None:
    from coco_flow.models.runs import runs_of

    found = runs_of(database, limit=limit, pipeline=pipeline)
    if terminal.json:
        terminal.document({"runs": [_run_json(one) for one in found]})
    elif not found:
        which = "Nothing" if pipeline is None else f"No pipeline {pipeline!r}"
        terminal.line(f"{which} has been run on {database.public_url}.")
    else:
        rows = [_run_cells(one) for one in found]
        write_table(terminal, _RUNS, rows, numbers=("DOCUMENTS", "MODELS", "ROWS"))


def _run_json(one: Run) -> dict[str, Any]:
    from coco_flow.cli.models.run_text import iso

    return {
        "run": one.id,
        "pipeline": one.pipeline,
        "status": one.status,
        "started": iso(one.started),
        "ended": iso(one.ended),
        "incremental_mode": one.spec.get("incremental_mode"),
        "filters": one.spec.get("filters"),
        "models": one.spec.get("models"),
        "rows_written": _rows_written(one),
    }


def _run_cells(one: Run) -> tuple[str, ...]:
    from coco_flow.cli.figures import moment
    from coco_flow.cli.models.run_text import took_text

    ids = one.spec.get("filters", {}).get("ids")
    rows = _rows_written(one)
    return (
        one.id,
        one.pipeline,
        "" if one.started is None else moment(one.started.timestamp()),
        took_text(one),
        one.status,
        one.spec.get("incremental_mode", ""),
        "all" if ids is None else f"{len(ids):,}",
        f"{len(one.spec.get('models', ())):,}",
        "" if rows is None else f"{rows:,}",
    )


def _rows_written(one: Run) -> int | None:
    if one.result is None:
        return None
    results = one.result.get("results", {}).values()
    return sum(int(figures.get("rows_written", 0)) for figures in results)


def _write_snapshots(terminal: Terminal, database: Database, model: str, limit: int) -> None:
    from coco_flow.models.snapshots import snapshots_of

    # One more, to say how the oldest that is shown changed.
    found = snapshots_of(database, model, limit + 1) if _has_snapshots(database) else []
    if terminal.json:
        terminal.document({"model": model, "snapshots": found[:limit]})
    elif not found:
        terminal.line(f"No model {model!r} has been run on {database.public_url}.")
    else:
        older = [*found[1:], None][: len(found)]
        rows = [_cells(new, old) for new, old in zip(found, older, strict=True)][:limit]
        write_table(terminal, _SNAPSHOTS, rows, numbers=("ROWS", "CHANGE"))


def _has_snapshots(database: Database) -> bool:
    from coco_flow.cli.models.application import is_there

    return is_there(database) and database.has_table("coco_model_snapshots")


def _cells(new: dict[str, Any], old: dict[str, Any] | None) -> tuple[str, ...]:
    from coco_flow.cli.figures import moment
    from coco_flow.models.docs_facts import nulls_text

    return (
        new["run"],
        moment(new["taken_at"]),
        f"{new['rows']:,}",
        "" if old is None else f"{new['rows'] - old['rows']:+,}",
        nulls_text(new["nulls"]) or "none",
    )
