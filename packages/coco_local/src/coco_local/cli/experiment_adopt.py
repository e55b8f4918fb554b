"""`coco experiment adopt`."""

from __future__ import annotations

import json as json_text
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.experiment_target import Server, named_server_target
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_experiments.results import Results
    from coco_experiments.target import ExperimentTarget
    from coco_protocol.defaults import DefaultsBody

__all__ = ["adopt"]


def adopt(
    context: typer.Context,
    *,
    results: Annotated[
        Path, typer.Argument(metavar="RESULTS", help="What `coco experiment run` wrote.")
    ],
    index: Annotated[
        str | None,
        typer.Option("--index", metavar="ID", help="The index that becomes the active one."),
    ] = None,
    query: Annotated[
        str | None,
        typer.Option(
            "--query",
            metavar="ID",
            help="The query strategy that supplies the defaults of queries.",
        ),
    ] = None,
    no_query: Annotated[
        bool, typer.Option("--no-query", help="Remove the query strategy adopted before.")
    ] = False,
    server: Server = None,
    project: Project = None,
    json: Json = False,
) -> None:
    """Make a strategy of an experiment the project's default.

    Queries that say something else still get it.
    """
    from coco_experiments.adoption import adoption
    from coco_experiments.results_file import read_results

    terminal = terminal_of(context)
    if index is None and query is None and not no_query:
        raise InvalidInput("There is nothing to adopt.", hint="Give --index, --query or both.")
    if query is not None and no_query:
        raise InvalidInput("--query and --no-query exclude each other.", hint="Give one of them.")
    found = read_results(results)
    request, config = adoption(found, index, query, forget=no_query)
    with _target(found, project, server) as target:
        before = target.defaults()
        if config is not None:
            # Another project than the one that was measured may not know it.
            target.register([config])
        after = target.adopt(request)
        if json:
            terminal.emit(
                {"before": before.model_dump(mode="json"), "now": after.model_dump(mode="json")}
            )
        else:
            _show(terminal, target, before, after, results)


@contextmanager
def _target(
    results: Results, project: str | None, server: str | None
) -> Iterator[ExperimentTarget]:
    """Yield the project to change: the one that was asked, unless another is named."""
    from coco_local.cli.connection import connected, place_of
    from coco_local.experiment.target import LocalTarget
    from coco_protocol.projects import ProjectRequest

    measured = results.target
    if server is not None or (measured.product == "server" and project is None):
        named = project or (measured.project_id if measured.product == "server" else None)
        if named is None:
            raise InvalidInput(
                "The results are of the local daemon, and no project of the server is named.",
                hint="Name one: --project ID",
            )
        with named_server_target(server or measured.url, named) as target:
            yield target
        return
    if measured.product == "server":
        raise InvalidInput(
            "The results are of a server, and no server is named.",
            hint=f"For one of the server: --server {measured.url}",
        )
    with connected() as client:
        body = (
            client.project(ProjectRequest(project_id=measured.project_id))
            if project is None
            else place_of(client, project).project
        )
        yield LocalTarget(client, body)


def _show(
    terminal: Terminal,
    target: ExperimentTarget,
    before: DefaultsBody,
    after: DefaultsBody,
    results: Path,
) -> None:
    name = target.record.project_name or after.project_id
    terminal.line(f"{name}: {_describe(after)}")
    if after == before:
        terminal.note("That was so before.")
        return
    terminal.note(f"before: {_describe(before)}")
    back = f"coco experiment adopt {results} --index {before.indexing_config_id}"
    if before.retrieval_config is None:
        terminal.note(f"back: {back} --no-query{_where(target)}")
    else:
        terminal.note(
            f"back: {back} --query {before.query_config_id}{_where(target)}, with the results "
            "that hold that query strategy"
        )


def _where(target: ExperimentTarget) -> str:
    measured = target.record
    server = f" --server {measured.url}" if measured.product == "server" else ""
    return f"{server} --project {measured.project_id}"


def _describe(defaults: DefaultsBody) -> str:
    index = f"queries are answered from the index {defaults.indexing_config_id}"
    pending = getattr(defaults, "pending_indexing_config_id", None)
    if pending:
        index += f", and from {pending} as soon as it is complete"
    if defaults.retrieval_config is None:
        return f"{index}; no defaults are set for what they leave out"
    values = json_text.dumps(defaults.retrieval_config.model_dump(exclude_unset=True))
    name = f"{defaults.query_config_id} " if defaults.query_config_id else ""
    return f"{index}; {name}{values} supplies what they leave out"
