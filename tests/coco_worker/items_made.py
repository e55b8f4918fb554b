"""Items of imports that tests send."""

from __future__ import annotations

from typing import Any

__all__ = ["documents"]


def documents(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Return items of one short document each, numbered from ``start``."""
    return [
        {"doc_id": f"d{number:05}.md", "content": f"# Title {number}\n\nabout topic {number}\n"}
        for number in range(start, start + count)
    ]
