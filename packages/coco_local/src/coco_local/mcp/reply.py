"""What a tool gives back."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

__all__ = ["Reply"]

# The notice, the last line, and the structure's own names.
FRAME_TOKENS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer in both forms."""

    text: str
    data: BaseModel
