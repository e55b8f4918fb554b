"""State of the projects panel: projects, selection, and progress of indexes."""

from __future__ import annotations

from dataclasses import dataclass

from coco_protocol.projects import ProjectBody

__all__ = ["ProjectsState", "share", "state_mark"]

_MARKS = {
    "ready": ("●", "$success"),
    "scanning": ("◐", "$accent"),
    "indexing": ("◐", "$accent"),
    "embedding": ("◐", "$accent"),
    "empty": ("○", "$muted"),
    "missing": ("▲", "$warning"),
    "error": ("▲", "$error"),
}


@dataclass(frozen=True, slots=True)
class ProjectsState:
    """All projects by name, and the id of the one that searches go to."""

    projects: tuple[ProjectBody, ...]
    chosen: str | None

    @property
    def cursor(self) -> int:
        """Where the chosen project stands; 0 when it is gone."""
        ids = [project.project_id for project in self.projects]
        return ids.index(self.chosen) if self.chosen in ids else 0


def state_mark(state: str) -> tuple[str, str]:
    """A mark and its color: the shape tells the state also without colors."""
    return _MARKS.get(state, ("○", "$muted"))


def share(project: ProjectBody) -> float | None:
    """How much of the work in hand is done, 0 to 1; None when nothing is being done."""
    if project.state == "indexing":
        return project.files / project.files_total if project.files_total else 0.0
    if project.state == "embedding":
        return project.embedded / project.chunks if project.chunks else 0.0
    return None
