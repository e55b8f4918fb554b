"""`coco experiment questions`."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import InvalidInput, Unreadable
from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_core.types import Chunk, DocumentKey
    from coco_experiments import Question
    from coco_experiments.generate import QuestionKind
    from coco_local.experiment.project_files import ProjectFiles

__all__ = ["questions"]

# As many as a person reads and edits in half an hour.
_LIMIT = 40
# Without a terminal, a line each so many seconds says that work goes on and fills no log.
_QUIET_SECONDS = 5.0


def _complete_kind(incomplete: str) -> list[str]:
    from coco_experiments.generate import QUESTION_KINDS

    return [kind for kind in QUESTION_KINDS if kind.startswith(incomplete)]


def questions(
    context: typer.Context,
    *,
    path: Annotated[
        str, typer.Argument(metavar="PATH", help="The project's directory; '.' is this one.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FILE",
            help="Write .jsonl, .json or .yml; else print JSON lines.",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, metavar="N", help="At most N questions.")
    ] = _LIMIT,
    seed: Annotated[
        int, typer.Option("--seed", metavar="N", help="Seed of the random selection.")
    ] = 0,
    kind: Annotated[
        list[str] | None,
        typer.Option(
            "--kind",
            metavar="docstring|heading|symbol",
            help="Only this kind; repeatable.",
            autocompletion=_complete_kind,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Propose a question set from a project's files, for you to edit.

    Docstrings ask for their symbols, sections for their headings, names for their definitions; the
    words that would give the answer away are taken out.
    """
    from coco_experiments.generate import generate_questions
    from coco_experiments.question_file import kind_counts, questions_text
    from coco_local.cli.connection import current_directory, read_settings
    from coco_local.cli.importing import absolute
    from coco_local.experiment.project_files import ProjectFiles

    terminal = terminal_of(context)
    kinds = _kinds(kind)
    [root] = absolute([path], current_directory())
    _refuse_existing(out)
    files = ProjectFiles(Path(root), read_settings())
    if files.problem is not None:
        terminal.warn(files.problem)
    proposed = generate_questions(_with_progress(terminal, files), limit, seed=seed, kinds=kinds)
    if not proposed:
        raise InvalidInput(
            f"Nothing in {root!r} gives a question ({files.total:,} files).",
            hint="Docstrings, sections with a heading and named definitions can.",
        )
    if out is not None:
        _write(out, questions_text(proposed, out.suffix))
    if json:
        documents = [question.to_dict() for question in proposed]
        terminal.emit(
            {"questions": documents, "kinds": kind_counts(proposed), "files": files.total}
        )
    elif out is None:
        sys.stdout.write(questions_text(proposed, ".jsonl"))
    _report(terminal, proposed, files, out)


def _kinds(names: Sequence[str] | None) -> list[QuestionKind]:
    from coco_experiments.generate import QUESTION_KINDS

    for name in names or ():
        if name not in QUESTION_KINDS:
            raise InvalidInput(f"--kind is {name!r}.", hint=f"Use {', '.join(QUESTION_KINDS)}.")
    return [kind for kind in QUESTION_KINDS if not names or kind in names]


def _refuse_existing(out: Path | None) -> None:
    if out is not None and out.expanduser().exists():
        raise InvalidInput(
            f"{str(out)!r} exists and may have been edited.",
            hint="Name another file, or remove this one.",
        )


def _write(out: Path, text: str) -> None:
    try:
        # Made here and now: what appeared meanwhile stays as it is.
        with out.expanduser().open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise Unreadable(
            f"{str(out)!r} cannot be written: {error.strerror}.", hint="Name another file."
        ) from error


def _report(
    terminal: Terminal, proposed: Sequence[Question], files: ProjectFiles, out: Path | None
) -> None:
    from coco_core.quantities import count
    from coco_experiments.question_file import kind_counts

    if terminal.json:
        return
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in kind_counts(proposed).items())
    skipped = f" ({files.unreadable:,} of them are no text)" if files.unreadable else ""
    terminal.note(
        f"{count(len(proposed), 'question')} from {count(files.total, 'file')}{skipped}: {kinds}"
    )
    where = f"in {out} " if out is not None else ""
    terminal.note(f"read and edit them {where}before you use them")


def _with_progress(
    terminal: Terminal, files: ProjectFiles
) -> Iterator[tuple[DocumentKey, Sequence[Chunk]]]:
    """Pass the documents on and show how many of the files are done."""
    if not terminal.lively:
        told = time.monotonic()
        for document in files.chunks():
            yield document
            if not terminal.json and time.monotonic() - told >= _QUIET_SECONDS:
                told = time.monotonic()
                terminal.note(f"reading files: {files.done:,} of {files.total:,}")
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=terminal.aside, transient=True) as progress:
        task = progress.add_task("reading files", total=files.total)
        for document in files.chunks():
            yield document
            progress.update(task, completed=files.done)
