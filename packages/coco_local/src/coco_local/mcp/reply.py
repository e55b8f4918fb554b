"""Result of a tool call: text and structured content."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

__all__ = ["Reply"]

# The first line of a file and the last line, which says how to go on.
FRAME_TOKENS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer in both forms."""

    text: str
    data: BaseModel
