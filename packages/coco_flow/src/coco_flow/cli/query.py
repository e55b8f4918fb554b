"""`coco-flow query`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coco_core.errors import NotFound
from coco_flow.cli.app_target import Application, load_application
from coco_flow.cli.exits import Exit
from coco_flow.cli.options import app_argument
from coco_flow.cli.terminal import terminal_of

if TYPE_CHECKING:
    from coco_flow.query_handler import QueryHandler

__all__ = ["command"]


@click.command("query", context_settings={"ignore_unknown_options": True})
@app_argument()
@click.argument("handler", required=False, metavar="[HANDLER]")
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[--NAME VALUE]...")
@click.pass_context
def command(
    context: click.Context, target: str, *, handler: str | None, words: tuple[str, ...]
) -> int:
    """Ask a query handler of a flow.

    The answer is printed as JSON. Without HANDLER, lists the handlers. Values are converted by the
    annotations of the handler's parameters; values without a name are taken in order: coco-flow
    query main.py search "a text".
    """
    from coco_flow.cli.query_text import arguments_from, signature_of
    from coco_flow.server.answers import shown_output

    terminal = terminal_of(context)
    application = load_application(target)
    if handler is None:
        for flow in application.chosen()[0]:
            for found in flow.query_handlers.values():
                terminal.line(f"{flow.name}: {signature_of(found)}")
        return Exit.OK
    found = _handler(application, handler)
    arguments = arguments_from(found, words)
    terminal.use_json()
    terminal.document(shown_output(found(**arguments)))
    return Exit.OK


def _handler(application: Application, name: str) -> QueryHandler:
    flows, _ = application.chosen()
    having = [flow for flow in flows if name in flow.query_handlers]
    if len(having) > 1:
        names = ", ".join(f"{application.target}:{flow.name}" for flow in having)
        raise click.UsageError(f"Several flows have a query handler {name!r}: {names}.")
    if not having:
        known = [f"{flow.name}: {handler}" for flow in flows for handler in flow.query_handlers]
        raise NotFound(
            f"{application.target!r} has no query handler {name!r}.",
            hint=f"It has: {', '.join(known) or 'none'}.",
        )
    return having[0].query_handlers[name]
