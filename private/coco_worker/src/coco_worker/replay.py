"""Replay of several imports: what a version that was merged out of them holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from coco_server.jobs.payload import IngestPayload
from coco_worker.items.item import Deletion, Item, ItemLimits, Outcome
from coco_worker.items.read import read_items
from coco_worker.items.seen import SeenItems
from coco_worker.rule import JobRules, apply_rule

__all__ = ["replay"]


def replay(
    rules: JobRules, imports: Sequence[IngestPayload], limits: ItemLimits
) -> Iterator[Outcome]:
    """Yield the items of all imports, each under its own text rule, and numbered throughout.

    The newest comes first, and older ones give only what no newer one has replaced or deleted. So
    nothing is held but which documents came.

    Args:
        rules: whose imports they are, and where.
        imports: newest first.
        limits: of one item.
    """
    taken = SeenItems()
    index = 0
    for each in imports:
        ref = each.wasm_module_ref
        rule = rules.load(ref)
        named: list[str] = list(each.deletes)
        own = replace(limits, rule=ref, deletions=True)
        with rules.blobs.open(rules.org_id, each.blob_ref) as file:
            for outcome in read_items(file, each.format, own, rules.check):
                ruled = apply_rule(rule, outcome) if rule and isinstance(outcome, Item) else outcome
                if isinstance(ruled, Item | Deletion):
                    named.append(ruled.doc_id)
                if isinstance(ruled, Deletion) or taken.holds(ruled.doc_id):
                    continue
                yield replace(ruled, index=index)
                index += 1
        # Only now: a document may come in several items of one import.
        for doc_id in named:
            taken.remember(doc_id)
