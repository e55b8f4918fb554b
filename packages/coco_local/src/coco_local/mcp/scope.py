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
from coco_protocol.projects import ProjectBody

__all__ = ["Caller", "Scope", "resolve_file", "resolve_project"]

# What stands in a hint when no directory is worth naming.
ANYWHERE = "PATH"


@dataclass(frozen=True, slots=True)
class Caller:
    """Where a call comes from: the project it is bound to, and the directories it works in."""

    project: str | None = None
    places: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Scope:
    """The chosen project; ``within`` is a path relative to its root, empty for all of it."""

    project: ProjectBody
    within: str = ""
    notice: str | None = None


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
    target = Path(path).expanduser() if path else None
    if named is None and target is not None and target.is_absolute():
        owner = project_around(projects, target)
        if owner is None:
            raise ProjectNotFound(
                f"{path!r} is in no project that CoCo knows ({project_names(projects)}).",
                hint="Add it first: coco import PATH",
            )
        return Scope(owner, _relative(owner, target))
    notice = None
    if named is not None:
        chosen = _named(projects, named, caller.places)
    elif caller.project is not None:
        chosen = _named(projects, caller.project, caller.places)
    else:
        chosen, notice = _default(projects, caller.places)
    within = _within(chosen, target, caller.places) if target is not None else ""
    return Scope(chosen, within, notice)


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


def _named(projects: Sequence[ProjectBody], name: str, places: tuple[Path, ...]) -> ProjectBody:
    same = named_project(projects, name)
    if same is not None:
        return same
    path = Path(name).expanduser()
    candidates = [path] if path.is_absolute() else [place / path for place in places]
    for candidate in candidates:
        owner = project_around(projects, candidate)
        if owner is not None and (path.is_absolute() or candidate.exists()):
            return owner
    raise ProjectNotFound(
        f"There is no project {name!r}; CoCo knows {project_names(projects)}.",
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
    if target.is_absolute():
        return _relative(project, target)
    if not (root / target).exists():
        for place in places:
            if (place / target).exists() and project_around([project], place / target) is not None:
                return _relative(project, place / target)
    return _relative(project, root / target)


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
