"""Indexing configs on the wire; the core validates their content."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from coco_protocol.base import Answer, Identifier, Request

if TYPE_CHECKING:
    from coco_core.configs import IndexingConfig

__all__ = [
    "ChunkingBody",
    "ConfigBody",
    "ConfigIdRequest",
    "ConfigList",
    "ConfigRequest",
    "EmbeddingBody",
]


class ChunkingBody(Request):
    """How documents are cut."""

    strategy_name: Literal["ast", "markdown_header", "fixed_token", "recursive_char"] = "ast"
    chunk_size: int = Field(default=256, ge=16, le=32_768)
    # Below chunk_size, which has the same bound.
    chunk_overlap: int = Field(default=0, ge=0, le=32_768)
    unit: Literal["tokens", "chars"] = "tokens"


class EmbeddingBody(Request):
    """Which model embeds."""

    model_name: str = Field(default="all-MiniLM-L6-v2", min_length=1, max_length=200)
    max_tokens: int = Field(default=128, ge=8, le=32_768)


class ConfigRequest(Request):
    """``POST /v1/sys/configs``: the same id with other content is a conflict."""

    config_id: Identifier = Field(max_length=100)
    chunking: ChunkingBody = Field(default_factory=ChunkingBody)
    embedding: EmbeddingBody = Field(default_factory=EmbeddingBody)

    def to_config(self) -> IndexingConfig:
        """Return the core's config; values that do not fit together raise `InvalidConfig`."""
        # Every command line that asks the daemon imports this module, and few of them a config.
        from coco_core.configs import IndexingConfig

        return IndexingConfig.from_dict(self.model_dump())


class ConfigIdRequest(Request):
    """One indexing config, by its id."""

    config_id: Identifier = Field(description="Its id.")


class ConfigBody(Answer):
    """A registered indexing config."""

    config_id: str
    fingerprint: str
    chunking: ChunkingBody
    embedding: EmbeddingBody
    created_at: float


class ConfigList(Answer):
    """All configs, oldest first."""

    configs: list[ConfigBody]
