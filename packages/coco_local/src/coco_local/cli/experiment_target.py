"""Experiment target: a project of the running daemon, or of a server."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from coco_core.errors import InvalidConfig, ProjectNotFound
from coco_local.cli.connection import connected, place_of, read_settings

if TYPE_CHECKING:
    from coco_experiments.reading import ExperimentFile
    from coco_experiments.server.client import ServerClient
    from coco_experiments.server.target import ServerTarget
    from coco_experiments.target import ExperimentTarget
    from coco_local.experiment.target import StartedBuild

__all__ = ["Server", "asked_target", "named_server_target"]

Server: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="A server instead of the local daemon; keys from COCO_KEY, COCO_ORG, COCO_USER "
        "and COCO_ADMIN.",
    ),
]

# A first query may load an index of any size.
_TIMEOUT_SECONDS = 300.0


@contextmanager
def asked_target(
    spec: ExperimentFile, file: Path, *, project: str | None, server: str | None
) -> Iterator[ExperimentTarget]:
    """Yield what the experiment asks; its anchors name documents that are there.

    Args:
        spec: the experiment as its file says it.
        file: that file; a relative ``path`` in it starts where it stands.
        project: another project than the file's.
        server: the server's address, else the daemon is asked.
    """
    opened = _server(spec, file, project, server) if server else _local(spec, file, project)
    with opened as target:
        yield target


@contextmanager
def _local(spec: ExperimentFile, file: Path, project: str | None) -> Iterator[ExperimentTarget]:
    from coco_local.experiment.target import LocalTarget, project_of_path
    from coco_protocol.projects import ProjectRequest

    experiment = spec.experiment
    with connected(timeout=_TIMEOUT_SECONDS) as client:
        path: Path | None = None
        started: StartedBuild | None = None
        if project is not None:
            body = place_of(client, project).project
        elif experiment.path is not None:
            path = _directory(experiment.path, file)
            # Before it is registered: a mistake in the file shall leave nothing behind.
            spec.refuse_missing(_documents(path))
            body, started = project_of_path(client, path, experiment.indexes[0])
        else:
            assert experiment.project_id is not None
            body = client.project(ProjectRequest(project_id=experiment.project_id))
        if path is None:
            spec.refuse_missing(_documents(Path(body.root)))
        yield LocalTarget(client, body, str(path) if path is not None else None, started)


@contextmanager
def _server(
    spec: ExperimentFile, file: Path, project: str | None, url: str
) -> Iterator[ExperimentTarget]:
    from coco_experiments.server.target import ServerTarget, project_of_items
    from coco_local.experiment.upload import gathered_items

    experiment = spec.experiment
    spec.refuse_lines()
    if project is not None or experiment.path is None:
        with named_server_target(url, project or experiment.project_id or "") as named:
            yield named
        return
    path = _directory(experiment.path, file)
    with gathered_items(path, read_settings()) as items:
        spec.refuse_missing(items.documents)
        with _client(url) as client:
            body = project_of_items(client, experiment.name, items.digest)
            yield ServerTarget(client, body, path=str(path), items=items.file)


@contextmanager
def named_server_target(url: str, project_id: str) -> Iterator[ServerTarget]:
    """Yield a project of a server, by its id."""
    from coco_experiments.server.target import ServerTarget

    with _client(url) as client:
        try:
            project = client.project(project_id)
        except ProjectNotFound as error:
            raise ProjectNotFound(
                error.message,
                hint="Name the ID that the project has on this server: --project ID. Or let the "
                "file name a directory: path",
                details=error.details,
            ) from error
        yield ServerTarget(client, project)


@contextmanager
def _client(url: str) -> Iterator[ServerClient]:
    from coco_experiments.server.client import Credentials, ServerClient

    client = ServerClient(url, Credentials.of(os.environ))
    try:
        client.check()
        yield client
    finally:
        client.close()


def _documents(root: Path) -> Collection[str]:
    from coco_local.scan import ProjectScan

    return ProjectScan(root, read_settings()).list_files().files.keys()


def _directory(path: str, file: Path) -> Path:
    directory = Path(os.path.realpath(file.parent / Path(path).expanduser()))
    if not directory.is_dir():
        what = "is not a directory" if directory.exists() else "does not exist"
        raise InvalidConfig(
            f"{file}: path: {path!r} ({directory}) {what}.",
            hint="A relative path starts at the directory of the experiment's file.",
            details={"file": str(file), "field": "path"},
        )
    return directory
