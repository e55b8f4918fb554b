"""Rows of documents that come in several items: the first item that is taken brings the row.

The row has the title and the allow list. Without it, everybody would be shown the chunks.
"""

from __future__ import annotations

from dataclasses import replace

from coco_worker.items.item import Item, Outcome, Rejection

__all__ = ["DocumentHeads"]


class DocumentHeads:
    """Passes the row of a document on when a text rule rejects the item that would bring it."""

    def __init__(self) -> None:
        self._missing: set[str] = set()

    def brought_by(self, item: Item) -> bool:
        """Whether an item brings the row of a document that later items may add to.

        What a rule makes of these must be known again when a job goes on after its checkpoint.
        """
        return bool(item.parts) and (item.first or item.doc_id in self._missing)

    def after_rule(self, item: Item, ruled: Outcome) -> Outcome:
        """Return what a rule made of an item, with the row if it is this item's to bring."""
        if not self.brought_by(item):
            return ruled
        if isinstance(ruled, Rejection):
            self._missing.add(item.doc_id)
            return ruled
        self._missing.discard(item.doc_id)
        return replace(ruled, first=True) if isinstance(ruled, Item) else ruled
