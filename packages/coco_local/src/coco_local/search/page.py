"""One page of an answer, from ranked candidates to hits that stand on disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from coco_core.intent import SearchIntent
from coco_core.page import Selection
from coco_core.ranking import Ranked
from coco_local.search.hydrate import Hydrator, VerifiedHit

__all__ = ["fill_page"]

# Hits that are looked at behind a full answer, to tell whether a further page is worth asking for.
_LOOK_BEYOND = 20

# Places that are fetched from the database together with those of the hits wanted: one that tells
# of a next page, one for a hit that has vanished. A row costs as much as hashing a chunk.
_SPARE = 2


def fill_page(
    intent: SearchIntent, ranked: list[Ranked], hydrator: Hydrator
) -> tuple[list[VerifiedHit], int | None]:
    """Take hits until the answer is full; a hit whose text is gone makes room for the next.

    Returns the hits and the offset of the next page, if there is one.
    """
    selection = Selection(intent)
    live: dict[int, VerifiedHit] = {}
    looked_beyond = 0
    for number, item in enumerate(ranked):
        if selection.full:
            looked_beyond += 1
            if selection.more or looked_beyond > _LOOK_BEYOND:
                break
        if not selection.wants(item):
            continue
        if not hydrator.has_place(item):
            hydrator.prefetch(
                _likely(ranked[number:], selection, intent.offset + intent.top_k + _SPARE)
            )
        hit = hydrator.hydrate(item)
        if hit is None:
            continue
        live[item.candidate.metadata.key] = hit
        selection.offer(item, start_line=hit.start_line, end_line=hit.end_line)
    picks = [
        hydrator.widened(live[pick.ranked.candidate.metadata.key], pick.start_line, pick.end_line)
        for pick in selection.picks
    ]
    return picks, selection.next_offset


def _likely(ranked: Sequence[Ranked], selection: Selection, most: int) -> list[Ranked]:
    """Return the first hit and those behind it that enter if all before them stand."""
    taken: Counter[str] = Counter()
    found: list[Ranked] = []
    for item in ranked:
        doc_id = item.candidate.metadata.doc_id
        if selection.wants(item, after=taken[doc_id]):
            taken[doc_id] += 1
            found.append(item)
            if len(found) == most:
                break
    return found
