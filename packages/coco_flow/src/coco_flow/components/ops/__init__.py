"""Operations on values: splitting, matching of code, embedding, resolution of entities."""

from __future__ import annotations

__all__: list[str] = []
