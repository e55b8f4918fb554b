"""JSON reader: items of an array, or of the array ``items`` of an object."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from coco_core.errors import Unreadable
from coco_worker.items.decode import Raw, decode
from coco_worker.items.item import ItemLimits, Rejection, RejectionReason
from coco_worker.items.scan import JsonScanner

__all__ = ["read_array"]

_ITEMS = b'"items"'
# No name of a field is longer; this one is skipped like any other that is not ``items``.
_LONGEST_NAME = 1000


def read_array(read: Callable[[], bytes], limits: ItemLimits) -> Iterator[Raw]:
    """Yield the elements one by one, decoded or rejected.

    Args:
        read: Returns the next piece of the file, and an empty one at its end.
        limits: Elements above ``item_bytes`` are skipped without being held in memory.

    Raises:
        Unreadable: the text around the elements is broken, or ends too early.
    """
    scanner = JsonScanner(read, what="The import")
    scanner.skip_mark()
    if scanner.peek() == b"{":
        yield from _members(scanner, limits)
    else:
        yield from _elements(scanner, limits)
    if scanner.peek():
        raise scanner.broken("there is more after its end")


def _members(scanner: JsonScanner, limits: ItemLimits) -> Iterator[Raw]:
    scanner.expect(b"{")
    found = False
    if scanner.peek() == b"}":
        scanner.expect(b"}")
    else:
        while True:
            name = scanner.value(_LONGEST_NAME)
            scanner.expect(b":")
            if name == _ITEMS and not found:
                found = True
                yield from _elements(scanner, limits)
            else:
                scanner.value(0)
            if scanner.expect(b",}") == b"}":
                break
    if not found:
        raise Unreadable("The import has no items.", hint='Send [...] or {"items": [...]}.')


def _elements(scanner: JsonScanner, limits: ItemLimits) -> Iterator[Raw]:
    scanner.expect(b"[")
    if scanner.peek() == b"]":
        scanner.expect(b"]")
        return
    index = 0
    while True:
        data = scanner.value(limits.item_bytes)
        if data is None:
            message = f"The item has more than {limits.item_bytes} bytes."
            yield index, Rejection(index, RejectionReason.TOO_LARGE, message)
        else:
            yield index, decode(index, data)
        index += 1
        if scanner.expect(b",]") == b"]":
            return
