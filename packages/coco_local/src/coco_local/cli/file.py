"""File argument: a path as typed, resolved to a document of a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from coco_local.cli.connection import current_directory
from coco_local.cli.place import Place, choose_project
from coco_local.client.project_lookup import project_around

if TYPE_CHECKING:
    from coco_protocol.local import LocalService

__all__ = ["locate"]


def locate(client: LocalService, project: str | None, path: str) -> tuple[Place, str]:
    """Return the project of a file and the file's name in it.

    A file that exists belongs to the project around it, wherever the caller stands.
    """
    cwd = current_directory()
    projects = client.projects().projects
    if project is None:
        file = cwd / Path(path).expanduser()
        owner = project_around(projects, file) if file.exists() else None
        if owner is not None:
            place = Place(owner, cwd)
            return place, place.doc_id(path)
    place = choose_project(projects, project, cwd)
    return place, place.doc_id(path)
