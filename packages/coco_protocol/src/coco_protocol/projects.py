"""Projects on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, Identifier, PathText, PlainText, Request

__all__ = [
    "DropIndexRequest",
    "IndexBody",
    "IndexList",
    "IndexState",
    "ProjectBody",
    "ProjectList",
    "ProjectRequest",
    "RegisterData",
    "RegisterRequest",
    "RescanData",
    "SkippedFile",
    "WatchMode",
]

WatchMode = Literal["watching", "partial", "polling", "missing", "stopped"]
IndexState = Literal["empty", "scanning", "indexing", "embedding", "ready", "missing", "error"]


class RegisterRequest(Request):
    """``POST /v1/sys/register``."""

    path: PathText
    name: PlainText | None = Field(default=None, max_length=200)
    standalone: bool = Field(
        default=False,
        description="leaves the project around it its files; addressed by id, not by path",
    )
    indexing_config_id: Identifier | None = Field(
        default=None, description="how a new project is indexed; without it the service's default"
    )


class RegisterData(Answer):
    """The project that the path belongs to."""

    project_id: str
    path: str
    name: str
    created: bool = False
    notices: list[str] = Field(
        default_factory=list, description="what a user may not expect, as sentences"
    )


class ProjectRequest(Request):
    """One project, by its id."""

    project_id: Identifier = Field(description="The project's id.")


class DropIndexRequest(ProjectRequest):
    """One index of a project, by its indexing config."""

    config_id: Identifier = Field(description="The indexing config of an index.")


class SkippedFile(Answer):
    """A file that should be indexed and could not be."""

    path: str
    reason: str


class IndexBody(Answer):
    """One index of a project: what it holds under one indexing config."""

    config_id: str
    fingerprint: str
    active: bool = Field(description="answers when a query names no indexing config")
    state: IndexState
    files: int = 0
    chunks: int = 0
    embedded: int = Field(default=0, description="chunks that have a vector")
    pending_files: int = 0
    index_bytes: int = Field(default=0, description="its tables and its share of the database")
    error: str | None = None
    notice: str | None = Field(default=None, description="why its model is missing, if it is")


class IndexList(Answer):
    """All indexes of a project, the active one first."""

    indexes: list[IndexBody]


class ProjectBody(Answer):
    """A project with the state of its index."""

    project_id: str
    name: str
    root: str
    state: IndexState
    config_id: str = "default"
    files: int = 0
    files_total: int = Field(default=0, description="files that belong into the index")
    chunks: int = 0
    embedded: int = Field(default=0, description="chunks that have a vector")
    pending_files: int = 0
    skipped: int = 0
    skipped_files: list[SkippedFile] = Field(default_factory=list, description="the first 20")
    watch: WatchMode = Field(default="watching", description="how changes are noticed")
    watch_hint: str | None = Field(default=None, description="what to do when it is not watched")
    indexed_at: float | None = None
    error: str | None = None
    standalone: bool = Field(default=False, description="addressed by its id, not by path")
    secondary_indexes: list[IndexBody] = Field(
        default_factory=list, description="indexes under other configs than the active one"
    )


class ProjectList(Answer):
    """All projects, by name."""

    projects: list[ProjectBody]


class RescanData(Answer):
    """What a rescan found."""

    job_id: str
