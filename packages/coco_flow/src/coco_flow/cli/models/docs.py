"""`coco-flow models docs`."""

from __future__ import annotations

from pathlib import Path

import click

from coco_core.errors import CocoError
from coco_flow.cli.exits import Exit
from coco_flow.cli.models.application import chosen_database, is_there, load_models
from coco_flow.cli.models.options import database_option, target_argument
from coco_flow.cli.options import json_option, quiet_option
from coco_flow.cli.terminal import terminal_of

__all__ = ["command"]


@click.command("docs")
@target_argument("APP")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("models.html"),
    show_default=True,
    help="Where to write the page.",
)
@database_option
@quiet_option
@json_option
@click.pass_context
def command(
    context: click.Context, target: str, *, output: Path, database: str | None, quiet: bool
) -> int:
    """Write a page that documents models, tables and columns.

    One HTML file that loads nothing from anywhere. Row counts, nulls and the latest results of
    tests are in it if the database has them.
    """
    from coco_flow.cli.figures import byte_count

    del quiet
    terminal = terminal_of(context)
    application = load_models(target)
    from coco_flow.models.docs_page import docs_page
    from coco_flow.models.pipeline import get_pipeline

    pipelines = [get_pipeline(name) for name in application.pipeline_names]
    chosen = chosen_database(database)
    title = f"Models of {Path(application.target).name}"
    page = docs_page(title, pipelines, chosen if is_there(chosen) else None).encode("utf-8")
    try:
        output.write_bytes(page)
    except OSError as error:
        raise CocoError(
            f"{str(output)!r} cannot be written: {error.strerror}.",
            hint="Give another file with -o.",
        ) from error
    if terminal.json:
        terminal.document({"file": str(output), "bytes": len(page)})
    else:
        terminal.line(f"Wrote {output} ({byte_count(len(page))}).")
    return Exit.OK
