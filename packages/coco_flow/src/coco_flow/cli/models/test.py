"""`coco-flow models test`."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import chosen_database, is_there, load_models
from coco_flow.cli.models.options import database_option, target_argument
from coco_flow.cli.models.tables import write_table
from coco_flow.cli.options import json_option, quiet_option
from coco_flow.cli.terminal import terminal_of
from coco_flow.errors import DefinitionError

if TYPE_CHECKING:
    from coco_flow.models.column_tests import TestOutcome
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model

__all__ = ["command"]

_HEADS = ("MODEL", "TEST", "SEVERITY", "RESULT", "EXAMPLES")


@click.command("test")
@target_argument()
@database_option
@quiet_option
@json_option
@click.pass_context
def command(context: click.Context, target: str, *, database: str | None, quiet: bool) -> int:
    """Run the tests of tables now, without running any model.

    The exit code is 1 if a test of severity "error" fails. What they find is recorded with a
    snapshot of row counts and nulls, as after a run.
    """
    del quiet
    terminal = terminal_of(context)
    pipeline = load_models(target).pipeline(terminal, "to test")
    from coco_flow.models.graph import build_graph

    chosen = chosen_database(database)
    models = [one for one in build_graph(pipeline.model_names).models if one.tests]
    found = _run_all(models, chosen)
    failed = [one for _, one in found if one.failures and one.severity == "error"]
    if terminal.json:
        tests = [{"model": model, **asdict(one)} for model, one in found]
        terminal.document({"pipeline": pipeline.name, "passed": not failed, "tests": tests})
    elif not found:
        terminal.line(f"The models of pipeline {pipeline.name} have no tests.")
    else:
        shown = [(m, one) for m, one in found if one.failures or not terminal.quiet]
        if shown:
            write_table(terminal, _HEADS, [_cells(model, one) for model, one in shown])
        passed = sum(not one.failures for _, one in found)
        terminal.note(f"{passed} of {len(found)} tests passed.")
    return Exit.ERROR if failed else Exit.OK


def _run_all(models: list[Model], database: Database) -> list[tuple[str, TestOutcome]]:
    from coco_flow.models.column_tests import run_tests
    from coco_flow.models.snapshots import take_snapshot
    from coco_flow.models.store.documents import prepare

    for declared in models:
        _check(declared, database)
    prepare(database)
    run = f"test-{uuid.uuid4().hex[:12]}"
    found = []
    for declared in models:
        # The snapshot has the time, by which the latest result of a test is known.
        take_snapshot(declared, database, run)
        found += [(declared.name, one) for one in run_tests(declared, database, run)]
    return found


def _check(declared: Model, database: Database) -> None:
    """Refuse tests of what is not there.

    Raises:
        DefinitionError: The table is missing, or a test is about a column that it does not have.
    """
    table = declared.table
    if not is_there(database) or not database.has_table(table.name):
        raise DefinitionError(
            f"Model {declared.name!r} has no table {table.name!r} yet in {database.public_url}.",
            hint="Run the pipeline first: coco-flow models run APP",
        )
    for test in declared.tests:
        for column in test.columns:
            if column not in table.c:
                raise DefinitionError(
                    f"Model {declared.name!r}, test {test.name}: table {table.name!r} has no "
                    f"column {column!r}; it has {', '.join(table.c.keys())}.",
                )


def _cells(model: str, one: Any) -> tuple[str, ...]:
    from coco_core.terminal_text import visible
    from coco_flow.cli.figures import count

    result = "passed"
    if one.failures:
        result = (
            f"{'FAILED' if one.severity == 'error' else 'warning'}: {count(one.failures, 'row')}"
        )
    return model, one.test, one.severity, result, visible(", ".join(one.examples))
