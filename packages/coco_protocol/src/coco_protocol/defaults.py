"""What a project's queries take when they say nothing else: an experiment's result, adopted."""

from __future__ import annotations

from pydantic import Field

from coco_protocol.base import Answer, Identifier, Request
from coco_protocol.docs import RetrievalBody

__all__ = ["DefaultsBody", "DefaultsRequest"]


class DefaultsRequest(Request):
    """``PUT /v1/projects/{id}/defaults``; what is left out stays as it is."""

    indexing_config_id: Identifier | None = Field(
        default=None, description="The index that answers when a query names none."
    )
    query_config_id: Identifier | None = Field(
        default=None, description="The name under which the retrieval config is known."
    )
    retrieval_config: RetrievalBody | None = Field(
        default=None, description="What queries leave out is taken from here; {} forgets it."
    )


class DefaultsBody(Answer):
    """``GET`` and ``PUT /v1/projects/{id}/defaults``."""

    project_id: str
    indexing_config_id: str
    query_config_id: str | None = None
    retrieval_config: RetrievalBody | None = None
