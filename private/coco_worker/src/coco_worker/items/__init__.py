"""Import reader: the bytes of an import to checked items, in bounded memory."""

from __future__ import annotations

__all__: list[str] = []
