"""Connectors: where data comes from and where target states are kept; import them one by one."""

from __future__ import annotations

__all__: list[str] = []
