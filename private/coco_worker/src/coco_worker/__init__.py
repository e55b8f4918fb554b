"""The ingest worker: takes jobs, and turns items into chunks with vectors in the store."""

from __future__ import annotations

__all__: list[str] = []
