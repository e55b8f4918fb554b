"""The API service's side of gRPC: links to workers, and the TLS that both sides use."""

from __future__ import annotations

__all__: list[str] = []
