"""`coco experiment run`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from coco_core.errors import CocoError, Unreadable
from coco_local.cli.exits import Exit
from coco_local.cli.experiment_target import Server, asked_target
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_experiments.reading import ExperimentFile
    from coco_experiments.results import Results

__all__ = ["read_spec", "run"]

# A question set of this size would take days to ask.
_MOST_BYTES = 64 << 20


def run(
    context: typer.Context,
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The experiment, as YAML or JSON.")],
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FILE", help="Where the results go.")
    ] = Path("results.json"),
    resume: Annotated[bool, typer.Option("--resume", help="Continue an interrupted run.")] = False,
    server: Server = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Build what indexes are missing, ask every question, and print the comparison.

    Ctrl-C loses at most the question in hand: --resume goes on.
    """
    from coco_experiments.journal import journal_path
    from coco_experiments.runner import run_experiment
    from coco_local.cli.experiment_progress import RunProgress

    terminal = terminal_of(context)
    spec = read_spec(file)
    with (
        _kept(terminal, journal_path(out)),
        asked_target(spec, file, project=project, server=server) as target,
        RunProgress(terminal) as listener,
    ):
        results = run_experiment(spec.experiment, target, out, listener, resume=resume)
    failed = sum(answer.error is not None for answer in results.answers)
    if json:
        terminal.emit(_summary(results, out, failed))
    else:
        _update(terminal, results, out)
    if failed:
        first = next(answer for answer in results.answers if answer.error is not None)
        terminal.warn(
            f"{failed:,} of {len(results.answers):,} questions failed and count as not found; the "
            f"first: {first.index_id}/{first.query_id} {first.question_id}: {first.error} "
            "(--resume asks them again)"
        )
        raise typer.Exit(Exit.ERROR)


def read_spec(file: Path) -> ExperimentFile:
    """Read an experiment; question files that it names stand beside it.

    Raises:
        Unreadable: it cannot be opened.
        InvalidConfig: what it says is not an experiment; the message has file, line and field.
    """
    from coco_experiments.reading import read_experiment_file

    return read_experiment_file(
        _text(file), str(file), lambda name: _text(file.parent / Path(name).expanduser())
    )


@contextmanager
def _kept(terminal: Terminal, journal: Path) -> Iterator[None]:
    """Say how to go on when a run ends before its time."""
    try:
        yield
    except (KeyboardInterrupt, CocoError) as error:
        if journal.exists():
            terminal.note(f"what was seen so far stands in {journal}; go on with --resume")
        if isinstance(error, KeyboardInterrupt):
            raise typer.Exit(Exit.INTERRUPTED) from error
        raise


def _text(file: Path) -> str:
    try:
        with file.open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
        if len(data) > _MOST_BYTES:
            raise Unreadable(f"{str(file)!r} is too large for an experiment.")
        return data.decode("utf-8-sig")
    except OSError as error:
        raise Unreadable(
            f"{str(file)!r} cannot be read: {error.strerror or error}.", hint="Check the path."
        ) from error
    except UnicodeDecodeError as error:
        raise Unreadable(f"{str(file)!r} is no text in UTF-8.") from error


def _update(terminal: Terminal, results: Results, out: Path) -> None:
    from coco_experiments.comparison import evaluate
    from coco_local.cli.comparison_table import show_comparison

    show_comparison(terminal, evaluate(results))
    terminal.note(f"{out}: for details: coco experiment compare {out} --html report.html")


def _summary(results: Results, out: Path, failed: int) -> dict[str, Any]:
    from coco_experiments.comparison import COSTS, METRICS, evaluate

    metrics = evaluate(results)
    return {
        "name": results.experiment.name,
        "out": str(out),
        "target": asdict(results.target),
        "k": results.experiment.cutoff,
        "questions": len(results.experiment.questions),
        "failed": failed,
        "started_at": results.started_at,
        "finished_at": results.finished_at,
        "indexes": [asdict(index) for index in results.indexes],
        "strategies": [
            {
                "strategy": each.name,
                "index_id": each.index_id,
                "query_id": each.query_id,
                **{name: each.value(name) for name in (*METRICS, *COSTS)},
                "errors": each.errors,
            }
            for each in metrics
        ],
    }
