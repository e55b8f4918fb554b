"""Resolves which project a call is about, and which part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from coco_core.errors import InvalidInput, PathRefused, ProjectNotFound
from coco_local.client.project_lookup import (
    named_project,
    path_in_project,
    project_around,
    project_names,
)
from coco_local.git.owner import repository_in
from coco_local.mcp.coercion import did_you_mean
from coco_local.mcp.paths import Spot, exists, expanded, inside, spot_of
from coco_protocol.projects import ProjectBody

__all__ = ["Caller", "Scope", "plain_globs", "resolve_file", "resolve_project"]

# What stands in a hint when no directory is worth naming.
ANYWHERE = "PATH"


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a call comes from: the project it is bound to, and the directories it works in."""

    project: str | None = None
    places: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    """What this call is to learn about its arguments."""


@dataclass(frozen=True, slots=True)
class Scope:
    """The chosen project; ``within`` is a path relative to its root, empty for all of it."""

    project: ProjectBody
    within: str = ""
    notice: str | None = None
    first_line: int | None = None
    last_line: int | None = None
    """The lines that were written behind the path, as in ``src/a.py:12-40``."""


def resolve_project(
    projects: Sequence[ProjectBody],
    caller: Caller,
    *,
    project: str | None = None,
    path: str | None = None,
) -> Scope:
    """Choose the project that is named, else the one around ``path``, else the caller's.

    Raises:
        ProjectNotFound: nothing fits, or several do.
        PathRefused: ``path`` lies outside the chosen project.
    """
    if not projects:
        place = _importable(caller.places)
        raise ProjectNotFound(
            "CoCo has no project yet.", hint=f"Import one first: coco import {place}"
        )
    named = project or None
    spot = spot_of(path, caller.places) if path else None
    if named is None and spot is not None and spot.path.is_absolute():
        owner = project_around(projects, spot.path)
        if owner is not None:
            return _scope(projects, owner, caller, spot)
    notice = None
    if named is not None:
        chosen = _named(projects, named, caller.places)
    elif caller.project is not None:
        chosen = _named(projects, caller.project, caller.places)
    elif spot is not None and spot.path.is_absolute():
        chosen = _rooted(projects, caller, spot.path)
    else:
        chosen, notice = _default(projects, caller.places)
    spot = spot_of(path, [Path(chosen.root)]) if path else None
    return _scope(projects, chosen, caller, spot, notice, named=named is not None)


def _scope(
    projects: Sequence[ProjectBody],
    project: ProjectBody,
    caller: Caller,
    spot: Spot | None,
    notice: str | None = None,
    *,
    named: bool = False,
) -> Scope:
    said = " ".join([*(f"{note}." for note in caller.notes), *([notice] if notice else [])])
    if spot is None:
        return Scope(project, notice=said or None)
    within = _within(project, spot.path, caller.places)
    other = _inner_project(projects, project, within)
    if other is not None:
        if named:
            raise PathRefused(
                f"{within!r} lies in the project {other.name!r}, a repository inside "
                f"{project.name!r}.",
                hint=f"Pass project={other.name!r}, or no project.",
            )
        project, within = other, _relative(other, Path(project.root) / within)
    return Scope(project, within, said or None, spot.first_line, spot.last_line)


def _rooted(projects: Sequence[ProjectBody], caller: Caller, target: Path) -> ProjectBody:
    """Return the caller's project when ``/src/a.py`` is a path below its root.

    Raises:
        ProjectNotFound: it is not.
    """
    nowhere = ProjectNotFound(
        f"{str(target)!r} is in no project that CoCo knows ({project_names(projects)}).",
        hint="Add it first: coco import PATH",
    )
    try:
        chosen, _ = _default(projects, caller.places)
    except ProjectNotFound as error:
        # Where the caller is in a repository that is not indexed, that is what he must know.
        raise (error if "repository" in error.details else nowhere) from None
    if inside(Path(chosen.root), target) is None:
        raise nowhere
    return chosen


def resolve_file(
    projects: Sequence[ProjectBody], caller: Caller, path: str, project: str | None
) -> Scope:
    """Choose the project of a file; ``within`` is the file.

    Raises:
        InvalidInput: ``path`` is the project's own directory.
    """
    scope = resolve_project(projects, caller, project=project, path=path)
    if not scope.within:
        raise InvalidInput(
            f"{path!r} is the project's directory, not a file.", hint="Name a file in it."
        )
    return scope


def plain_globs(project: ProjectBody, globs: Sequence[str]) -> list[str]:
    """Return globs in CoCo's form: the other separator is turned, the project's root cut off."""
    root = Path(project.root).as_posix().rstrip("/")
    turned = [g if "/" in g else g.replace("\\", "/") for g in globs]
    return [g.removeprefix(root) if g.startswith(f"{root}/") else g for g in turned]


def _named(projects: Sequence[ProjectBody], name: str, places: tuple[Path, ...]) -> ProjectBody:
    same = named_project(projects, name)
    if same is not None:
        return same
    path = expanded(Path(name))
    candidates = [path] if path.is_absolute() else [place / path for place in places]
    for candidate in candidates:
        owner = project_around(projects, candidate)
        if owner is not None and (path.is_absolute() or exists(candidate)):
            return owner
    meant = did_you_mean(name, [project.name for project in projects])
    raise ProjectNotFound(
        f"There is no project {name!r}{meant} CoCo knows {project_names(projects)}.",
        hint="Pass one of these, or add it: coco import PATH",
    )


def _default(
    projects: Sequence[ProjectBody], places: tuple[Path, ...]
) -> tuple[ProjectBody, str | None]:
    """Return the project that the caller works in, or the only one with a notice that says so."""
    for place in places:
        owner = project_around(projects, place)
        if owner is not None:
            return owner, None
    here = _importable(places)
    projects = [project for project in projects if not project.standalone] or projects
    if len(projects) == 1:
        only = projects[0]
        if not places or here == ANYWHERE:
            return only, None
        return only, (
            f"{here} is in no project; this answer is about {only.name} ({only.root}). "
            f"To add it: coco import {here}"
        )
    if places and here != ANYWHERE:
        raise ProjectNotFound(
            f"{here} is in no project; CoCo knows {project_names(projects)}.",
            hint=f"Add it: coco import {here} — or pass project=NAME.",
        )
    raise ProjectNotFound(
        f"CoCo knows several projects ({project_names(projects)}) and none was named.",
        hint="Pass project=NAME.",
    )


def _within(project: ProjectBody, target: Path, places: tuple[Path, ...]) -> str:
    """Return ``target`` relative to the project's root.

    Paths in answers are relative to the root; one that only exists below the caller's own
    directory is read from there.
    """
    root = Path(project.root)
    if target.is_absolute() and path_in_project(project, target) is not None:
        return _relative(project, target)
    if not exists(root / target):
        for place in places:
            here = place / target
            if exists(here) and project_around([project], here) is not None:
                return _relative(project, here)
        return _relative(project, inside(root, target) or root / target)
    return _relative(project, root / target)


def _inner_project(
    projects: Sequence[ProjectBody], project: ProjectBody, within: str
) -> ProjectBody | None:
    """Return the project of a repository inside ``project`` that the path lies in, if it does.

    Raises:
        ProjectNotFound: it lies in one that is not indexed.
    """
    root = Path(project.root)
    if repository_in(root, root / within) is None:
        return None
    return project_around(projects, root / within)


def _relative(project: ProjectBody, target: Path) -> str:
    relative = path_in_project(project, target)
    if relative is None:
        raise PathRefused(
            f"{str(target)!r} is outside the project {project.name!r} ({project.root}).",
            hint="Give a path inside the project, or name another project.",
        )
    return relative


def _importable(places: tuple[Path, ...]) -> str:
    """Return the directory worth importing: not the home, not the root of the file system."""
    home = Path.home()
    for place in places:
        if place != home and place not in home.parents:
            return str(place)
    return ANYWHERE
