"""The projects of a search: one, several, or all, seen from the current directory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coco_core.errors import InvalidInput, ProjectNotFound
from coco_local.cli.connection import current_directory
from coco_local.cli.place import Place, choose_project

if TYPE_CHECKING:
    from coco_protocol.docs import Hit
    from coco_protocol.local import LocalService
    from coco_protocol.projects import ProjectBody

__all__ = ["Places", "choose_places"]

# A list longer than this is not read.
_NAMED = 3


@dataclass(frozen=True, slots=True)
class Places:
    """Where a search looks; never empty."""

    places: tuple[Place, ...]
    every: bool = False
    """Whether all projects are meant, also those that come to be meanwhile."""

    @property
    def together(self) -> bool:
        """Whether several are searched in one ranking."""
        return self.every or len(self.places) > 1

    @property
    def only(self) -> Place | None:
        """The one project; None when several are searched."""
        return None if self.together else self.places[0]

    @property
    def fields(self) -> dict[str, object]:
        """The fields of a `QueryRequest` that name the projects."""
        if self.every:
            return {"all_projects": True}
        if self.together:
            return {"projects": [place.project_id for place in self.places]}
        return {"project_id": self.places[0].project_id}

    @property
    def name(self) -> str:
        """The projects' names, for a message."""
        names = [place.project.name for place in self.places]
        rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        return ", ".join(names[:_NAMED]) + rest

    @property
    def files(self) -> int:
        """How many files they have in their indexes."""
        return sum(place.project.files for place in self.places)

    def of(self, hit: Hit) -> Place:
        """Return the project of a hit.

        Raises:
            ProjectNotFound: it came to be after the projects were listed.
        """
        if hit.project_id is None:
            return self.places[0]
        for place in self.places:
            if place.project_id == hit.project_id:
                return place
        raise ProjectNotFound(
            f"The project {hit.project!r} came to be during the search.", hint="Search again."
        )

    def globs(self, patterns: Sequence[str]) -> list[str]:
        """Return path patterns as the projects read them.

        Raises:
            InvalidInput: one is relative to the current directory, and there are several projects.
        """
        if self.only is not None:
            return self.only.globs(patterns)
        for pattern in patterns:
            if pattern.startswith(("./", "../")) or pattern in {".", ".."}:
                raise InvalidInput(
                    f"{pattern!r} is relative to the current directory, and several projects "
                    "are searched.",
                    hint="Give a pattern relative to the projects' roots, such as 'src/**'.",
                )
        return list(patterns)


def choose_places(client: LocalService, named: Sequence[str] | None, *, every: bool) -> Places:
    """Return the projects that are named, or every one, or the one around the current directory.

    Raises:
        InvalidInput: projects are named, and all are asked for as well.
        ProjectNotFound: nothing fits.
    """
    cwd = current_directory()
    projects = client.projects().projects
    if every and named:
        raise InvalidInput("--all means every project, and --project names some.", hint="Give one.")
    if every:
        return Places(tuple(Place(project, cwd) for project in _regular(projects)), every=True)
    chosen = [choose_project(projects, name, cwd) for name in named or (None,)]
    return Places(tuple({place.project_id: place for place in chosen}.values()))


def _regular(projects: Sequence[ProjectBody]) -> list[ProjectBody]:
    """Return the projects that are searched when all are: a standalone one repeats another."""
    found = [project for project in projects if not project.standalone] or list(projects)
    if not found:
        raise ProjectNotFound("CoCo has no project yet.", hint="Add this directory: coco import .")
    return found
