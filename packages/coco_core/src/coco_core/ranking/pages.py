"""Page slot: gives the best documentation page a fixed rank among code results."""

from __future__ import annotations

from collections.abc import Sequence

from coco_core.fusion import Scores
from coco_core.ranking.profiles import is_prose
from coco_core.types import ChunkMetadata

__all__ = ["with_page"]

# The fifth file of an answer: late enough that a question to the code loses next to nothing (its
# answer nearly always stands above), early enough that an agent sees the page without asking again.
_PLACE = 5


def with_page(order: Sequence[int], chunks: Sequence[ChunkMetadata], fused: Scores) -> list[int]:
    """Return the order with the best matching page moved up to its place, if it stands below.

    Args:
        order: places in ``chunks``, best first.
        chunks: of the candidates.
        fused: how well each matches, before anything is held against prose.
    """
    place = _first_of_file(order, chunks, _PLACE)
    if place is None or any(is_prose(chunks[i].language) for i in order[: place + 1]):
        return list(order)
    pages = [i for i in order[place + 1 :] if is_prose(chunks[i].language)]
    if not pages:
        return list(order)
    page = max(pages, key=lambda i: float(fused[i]))
    return [*order[:place], page, *(i for i in order[place:] if i != page)]


def _first_of_file(
    order: Sequence[int], chunks: Sequence[ChunkMetadata], number: int
) -> int | None:
    """Return where the ``number``-th file comes for the first time."""
    seen: set[str] = set()
    for place, i in enumerate(order):
        seen.add(chunks[i].doc_id)
        if len(seen) == number:
            return place
    return None
