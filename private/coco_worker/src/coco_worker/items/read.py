"""Reader of an import in any format: items and rejections, in file order."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias, assert_never

from coco_worker.items.array import read_array
from coco_worker.items.check import check_item
from coco_worker.items.decode import Raw
from coco_worker.items.item import Deletion, Item, ItemLimits, Outcome, Rejection, RejectionReason
from coco_worker.items.lines import read_lines
from coco_worker.items.parquet import read_parquet
from coco_worker.items.seen import SeenItems

__all__ = ["ItemFormat", "read_items"]

ItemFormat: TypeAlias = Literal["json", "ndjson", "parquet"]

_PIECE_BYTES = 1_048_576


def read_items(
    file: io.RawIOBase,
    kind: ItemFormat,
    limits: ItemLimits,
    check: Callable[[], None] | None = None,
) -> Iterator[Outcome]:
    """Yield every item of ``file``, or why it is rejected; nothing is held but the item in hand.

    ``check`` is called while a decoder is waited for; what it raises ends the reading.

    Raises:
        Unreadable: the file as a whole is broken; what was yielded before is sound.
        InvalidInput: the file has columns that no item has.
    """
    seen = SeenItems()
    for index, raw in _raw(file, kind, limits, check):
        outcome = raw if isinstance(raw, Rejection) else check_item(index, raw, limits)
        if isinstance(outcome, Item):
            if seen.contradicts(outcome):
                yield _contradiction(outcome)
            else:
                yield seen.add(outcome) or _duplicate(outcome)
        elif isinstance(outcome, Deletion) and seen.holds(outcome.doc_id):
            # Which of the two was meant cannot be known.
            yield Rejection(
                outcome.index,
                RejectionReason.DUPLICATE,
                f"The document {outcome.doc_id!r} came before; send its deletion before it.",
                outcome.doc_id,
            )
        else:
            yield outcome


def _raw(
    file: io.RawIOBase,
    kind: ItemFormat,
    limits: ItemLimits,
    check: Callable[[], None] | None,
) -> Iterator[Raw]:
    def piece() -> bytes:
        return file.read(_PIECE_BYTES) or b""

    match kind:
        case "json":
            return read_array(piece, limits)
        case "ndjson":
            return read_lines(piece, limits)
        case "parquet":
            return read_parquet(file, limits, check)
        case _:
            assert_never(kind)


def _contradiction(item: Item) -> Rejection:
    return Rejection(
        item.index,
        RejectionReason.WRONG_ALLOW,
        f"The document {item.doc_id!r} came before with another allow; send the same each time.",
        item.doc_id,
    )


def _duplicate(item: Item) -> Rejection:
    return Rejection(
        item.index,
        RejectionReason.DUPLICATE,
        f"The document {item.doc_id!r} came before"
        + (" with a chunk of this ordinal." if item.parts else "."),
        item.doc_id,
    )
