"""Text rules on the server's wire."""

from __future__ import annotations

from pydantic import Field

from coco_protocol.base import Answer

__all__ = ["RuleBody", "RuleList"]


class RuleBody(Answer):
    """A text rule that imports of the org may name."""

    rule_id: str
    name: str
    wasm_module_ref: str = Field(description="What an import names to run it.")
    sha256: str
    size_bytes: int
    created_at: float


class RuleList(Answer):
    """Oldest first."""

    rules: list[RuleBody]
