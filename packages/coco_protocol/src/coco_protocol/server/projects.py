"""Projects and their versions on the server's wire."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from coco_protocol.base import Answer, Identifier, PlainText, Request
from coco_protocol.server.source_ref import SourceRef

__all__ = [
    "ActivateData",
    "ActivateRequest",
    "ProjectBody",
    "ProjectList",
    "RegisterRequest",
    "VersionBody",
    "VersionList",
    "VersionStatus",
]

VersionStatus = Literal["BUILDING", "READY", "ACTIVE", "ARCHIVED", "FAILED"]


class RegisterRequest(Request):
    """``POST /v1/sys/register``; the same ``source_ref`` again answers with its project."""

    source_ref: SourceRef
    name: PlainText = Field(min_length=1, max_length=200)
    platform: PlainText = Field(default="", max_length=100, description="Where the source lives.")
    org_id: Identifier | None = Field(
        default=None, description="Or the header x-coco-org-id; needed when there are several."
    )
    indexing_config_id: Identifier | None = Field(
        default=None, description="The first active config; without it `default`."
    )


class ProjectBody(Answer):
    """A registered source."""

    project_id: str
    org_id: str
    source_ref: str
    name: str
    platform: str
    active_version_id: str | None = None
    active_config_id: str
    created_at: float


class ProjectList(Answer):
    """Oldest first."""

    projects: list[ProjectBody]


class VersionBody(Answer):
    """One complete build of a project under a config."""

    version_id: str
    project_id: str
    indexing_config_id: str
    status: VersionStatus
    active: bool
    item_count: int
    document_count: int
    chunk_count: int
    embedded_count: int = Field(default=0, description="Chunks that have a vector.")
    storage_bytes: int
    failure: dict[str, object] | None = None
    created_at: float
    ready_at: float | None = None
    build_seconds: float | None = Field(
        default=None, description="From created to ready, waiting for a worker included."
    )
    activated_at: float | None = None
    archived_at: float | None = None


class VersionList(Answer):
    """Newest first."""

    active_version_id: str | None = None
    versions: list[VersionBody]


class ActivateRequest(Request):
    """``POST /v1/projects/{id}/versions/{vid}/activate``; the body may be left out."""

    expected_version_id: Identifier | None = Field(
        default=None, description="Refuse unless this version is the active one."
    )


class ActivateData(Answer):
    """Which version answers now, and which did before."""

    project_id: str
    active_version_id: str
    previous_version_id: str | None = None
