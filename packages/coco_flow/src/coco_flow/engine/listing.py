"""Complete listings of sources, synchronous and asynchronous ones alike."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from coco_flow.ports import ListedRow, ReadRow
from coco_flow.runtime import run

if TYPE_CHECKING:
    from coco_flow.ports import SourceConnector

__all__ = ["listings", "shown_content"]


def listings(connector: SourceConnector) -> Iterator[Sequence[ListedRow]]:
    """Yield the batches of a source's listing as they come."""
    listing = connector.list_rows()
    if isinstance(listing, Iterable):
        yield from listing
        return
    iterator = aiter(listing)
    while True:
        batch = run(_next_or_none(iterator))
        if batch is None:
            return
        yield batch


def shown_content(listed: ListedRow | None) -> ReadRow:
    """Return the content that the listing itself has shown."""
    assert listed is not None
    return ReadRow(listed.value, listed.token, listed.ordinal, listed.digest, listed.settled)


async def _next_or_none(iterator: Any) -> Any:
    try:
        return await anext(iterator)
    except StopAsyncIteration:
        return None
