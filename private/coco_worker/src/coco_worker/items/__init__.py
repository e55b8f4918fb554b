"""From the bytes of an import to checked items, one at a time and in bounded memory."""

from __future__ import annotations

__all__: list[str] = []
