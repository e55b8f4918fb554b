"""Indexing configs of an org: the default one, and how one is registered."""

from __future__ import annotations

from coco_core.configs import ChunkingConfig, IndexingConfig
from coco_server.store import configs
from coco_server.store.configs import StoredConfig
from coco_server.store.session import TenantSession

__all__ = ["DEFAULT_CONFIG", "register_config"]

# Bigger windows than the local product's: what a server answers goes into larger prompts.
DEFAULT_CONFIG = IndexingConfig(chunking=ChunkingConfig(chunk_size=512))


def register_config(session: TenantSession, config: IndexingConfig, dimension: int) -> StoredConfig:
    """Register a config in the session's org.

    Raises:
        ConfigConflict: a config of this id exists with other content.
    """
    return configs.register(
        session,
        config.config_id,
        config.to_dict(),
        dimension=dimension,
        fingerprint=config.fingerprint,
    )
