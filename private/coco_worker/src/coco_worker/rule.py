"""Text rule of a job: WebAssembly, applied to every item before chunking."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from coco_core.errors import NotFound, WasmFailed, WasmRejected
from coco_server.store import rules
from coco_server.store.blobs import BlobStore
from coco_server.store.rule_compiler import compile_rule
from coco_server.store.session import Database
from coco_worker.items.item import Item, Outcome, Rejection, RejectionReason

if TYPE_CHECKING:
    from coco_core.wasm.rules import TextRule

__all__ = ["JobRules", "apply_rule"]

# Checked here before the module is read; the sandbox has its own limit, which is lower.
_MOST_BYTES = 16_777_216


@dataclass(frozen=True, slots=True)
class JobRules:
    """The text rules that a job may run: those that its org has registered."""

    database: Database
    blobs: BlobStore
    org_id: str
    check: Callable[[], None]
    """Called while a rule is compiled; what it raises ends that."""

    def load(self, ref: str | None) -> TextRule | None:
        """Read and compile a rule; None where the job names none.

        Raises:
            WasmRejected: the org has not registered it, or it is no rule.
        """
        return _load(self, ref) if ref else None


def _load(rules_of: JobRules, ref: str) -> TextRule:
    with rules_of.database.tenant(rules_of.org_id) as session:
        stored = rules.require(session, ref)
    try:
        with rules_of.blobs.open(rules_of.org_id, ref) as file:
            if file.size > _MOST_BYTES:
                raise WasmRejected(f"The rule {ref!r} has {file.size} bytes.")
            return compile_rule(file.readall(), name=stored.name, check=rules_of.check)
    except NotFound as error:
        raise WasmRejected(
            f"The module of the rule {ref!r} is gone.", hint="Register it again: POST /v1/rules."
        ) from error


def apply_rule(rule: TextRule, item: Item) -> Outcome:
    """Return the item with the texts that the rule made of its own; one that fails is rejected."""
    try:
        if not item.parts:
            content = rule.apply(item.content)
            return replace(item, content=content) if content.strip() else _emptied(item)
        parts = tuple(
            replace(part, chunk=part.chunk.with_text(rule.apply(part.chunk.text)))
            for part in item.parts
        )
    except WasmFailed as error:
        return Rejection(item.index, RejectionReason.RULE_FAILED, error.message, item.doc_id)
    kept = tuple(part for part in parts if part.chunk.text.strip())
    return replace(item, parts=kept) if kept else _emptied(item)


def _emptied(item: Item) -> Rejection:
    return Rejection(item.index, RejectionReason.EMPTY, "The rule left no text.", item.doc_id)
