"""Ingest worker: builds chunks with vectors from the items of jobs."""

from __future__ import annotations

__all__: list[str] = []
