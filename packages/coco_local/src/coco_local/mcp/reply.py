"""Result of a tool call: text and structured content."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import BaseModel

from coco_local.mcp.budget import Budget, estimate_tokens
from coco_local.mcp.scope import Scope

__all__ = ["FRAME_TOKENS", "Reply", "budget_within"]

# The first line of a file and the last line, which says how to go on.
FRAME_TOKENS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer in both forms."""

    text: str
    data: BaseModel


def budget_within(max_tokens: int, scope: Scope) -> Budget:
    """Return what is left for the files' own text."""
    said = f"{scope.notice or ''}{scope.within}"
    return Budget(max_tokens - FRAME_TOKENS - estimate_tokens(said))
