"""gRPC client of the API service: links to workers, and the TLS of both sides."""

from __future__ import annotations

__all__: list[str] = []
