"""Defaults of a project on the wire: active index, and values that queries leave out."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import Field, WrapSerializer

from coco_protocol.base import Answer, Identifier, Request
from coco_protocol.docs import RetrievalBody
from coco_protocol.projects import ProjectRequest

__all__ = ["AdoptRequest", "DefaultsBody", "DefaultsRequest"]


# Sent back as it is, it must mean the same: values that nobody set would count as set then.
_Adopted: TypeAlias = Annotated[
    RetrievalBody, WrapSerializer(lambda body, _: body.model_dump(exclude_unset=True))
]


class DefaultsRequest(Request):
    """``PUT /v1/projects/{id}/defaults``; what is left out stays as it is."""

    indexing_config_id: Identifier | None = Field(
        default=None, description="The active index: it answers queries that name none."
    )
    query_config_id: Identifier | None = Field(
        default=None, description="The name under which the retrieval config is known."
    )
    retrieval_config: RetrievalBody | None = Field(
        default=None, description="Values for what queries leave out; {} removes them."
    )


class AdoptRequest(ProjectRequest):
    """A change of the defaults, and the project that it is for."""

    defaults: DefaultsRequest


class DefaultsBody(Answer):
    """``GET`` and ``PUT /v1/projects/{id}/defaults``."""

    project_id: str
    indexing_config_id: str
    pending_indexing_config_id: str | None = Field(
        default=None, description="the index that becomes the active index when it is complete"
    )
    query_config_id: str | None = None
    retrieval_config: _Adopted | None = Field(
        default=None, description="Only what was set; null when nothing was adopted."
    )
