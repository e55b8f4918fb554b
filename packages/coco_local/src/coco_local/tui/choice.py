"""The project that the dashboard turns to at first: that of the directory it was opened in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coco_core.errors import ProjectNotFound
from coco_local.client.project_lookup import project_around
from coco_protocol.projects import ProjectBody

__all__ = ["first_choice"]


def first_choice(
    projects: Sequence[ProjectBody], here: Path
) -> tuple[ProjectBody | None, str | None]:
    """Return the project around ``here``, else the first of all, and what the user must know.

    That is, when ``here`` lies in a repository of its own that is not indexed.
    """
    first = projects[0] if projects else None
    try:
        return project_around(projects, here) or first, None
    except ProjectNotFound as error:
        return first, str(error)
