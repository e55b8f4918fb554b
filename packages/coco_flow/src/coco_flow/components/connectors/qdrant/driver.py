"""Import of Qdrant's client, with an error that says how to install it."""

from __future__ import annotations

from coco_flow.errors import missing_extra

try:
    from qdrant_client import QdrantClient, models
except ImportError as error:
    raise missing_extra("The Qdrant connector of components", "qdrant-client", "qdrant") from error

__all__ = ["QdrantClient", "models"]
