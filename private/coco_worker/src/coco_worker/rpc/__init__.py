"""The worker's gRPC service."""

from __future__ import annotations

__all__: list[str] = []
