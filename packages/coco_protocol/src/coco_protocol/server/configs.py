"""Indexing configs on the server's wire: the local product's, with a default for larger windows."""

from __future__ import annotations

from pydantic import Field

from coco_core.configs import IndexingConfig
from coco_protocol.base import Answer, Identifier, Request
from coco_protocol.configs import ChunkingBody, EmbeddingBody

__all__ = ["ConfigBody", "ConfigList", "ConfigRequest"]


class _Chunking(ChunkingBody):
    """How documents are cut."""

    chunk_size: int = Field(default=512, ge=16, le=32_768)


class ConfigRequest(Request):
    """``POST /v1/sys/configs``: the same id with other content is a conflict."""

    config_id: Identifier = Field(max_length=100)
    chunking: _Chunking = Field(default_factory=_Chunking)
    embedding: EmbeddingBody = Field(default_factory=EmbeddingBody)
    dimension: int | None = Field(
        default=None,
        ge=1,
        le=4000,
        description="Length of the vectors; needed for a model that the service does not know.",
    )

    def to_config(self) -> IndexingConfig:
        """Return the core's config; values that do not fit together raise `InvalidConfig`."""
        return IndexingConfig.from_dict(self.model_dump(exclude={"dimension"}))


class ConfigBody(Answer):
    """A registered indexing config."""

    config_id: str
    org_id: str
    fingerprint: str
    dimension: int
    chunking: ChunkingBody
    embedding: EmbeddingBody
    created_at: float


class ConfigList(Answer):
    """By id."""

    configs: list[ConfigBody]
