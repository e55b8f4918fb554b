"""The places of a document that share its hit, and the tokens that each hit may show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coco_core.ranking import Ranked
from coco_core.search.page import Pick
from coco_core.types import ChunkKind, ChunkMetadata

__all__ = ["place_worth", "share_at", "shares_of", "with_further", "with_shares"]

# Tokens of the first hits, and of every hit behind them: the right file is mostly among the first
# three, and in it the right definition may be the second or the third.
_SHARES = (320, 280, 240, 120)
_FURTHER_SHARE = 60

# Below this a hit says no more than its name: rather fewer hits.
_LEAST_SHARE = 40

# Places of one document that are looked at besides the best, where a hit may show so many tokens
# for each, and how near to the best they must score.
_MOST_FURTHER = 4
_TOKENS_OF_PLACE = 80
_NEAR = 0.6

# Parts of one definition this near to each other are looked at as one place.
_CLOSE_LINES = 60

# The head of a class repeats in its documentation the words of all its methods; what answers a
# question is mostly one of these.
_CLASS_HEAD = 0.8


def shares_of(hits: int, max_tokens: int | None) -> list[int]:
    """Return the tokens that each hit of a page may show, best first.

    Without a budget the first hits get what shows a definition of some thirty lines; with one,
    together no more than it, and fewer hits where it does not suffice for all.
    """
    plain = [*_SHARES, *[_FURTHER_SHARE] * max(0, hits - len(_SHARES))][:hits]
    if max_tokens is None:
        return plain
    while len(plain) > 1 and plain[-1] * max_tokens < _LEAST_SHARE * sum(plain):
        plain.pop()
    total = sum(plain)
    return [share * max_tokens // total for share in plain]


def share_at(shares: Sequence[int], position: int) -> int:
    """Return the tokens of one hit; more than there are of a hit for which nothing is left."""
    return shares[position] if position < len(shares) else sum(shares) + 1


def with_shares(picks: Sequence[Pick], shares: Sequence[int]) -> list[Pick]:
    """Return the hits of a page with the tokens that each may show."""
    return [replace(pick, token_count=share) for pick, share in zip(picks, shares, strict=True)]


def place_worth(item: Ranked) -> float:
    """Return how well a chunk answers by itself, against others of its document."""
    head = item.candidate.metadata.kind is ChunkKind.CLASS
    return item.own * (_CLASS_HEAD if head else 1.0)


def with_further(picks: Sequence[Pick], ranked: Sequence[Ranked]) -> list[Pick]:
    """Return the hits with the other places of their documents that answer nearly as well.

    A chunk that is a hit by itself is no further place of another.
    """
    by_document: dict[str, list[Ranked]] = {pick.doc_id: [] for pick in picks}
    shown = {pick.ranked.candidate.metadata.key for pick in picks}
    for item in ranked:
        found = by_document.get(item.candidate.metadata.doc_id)
        if found is not None and item.candidate.metadata.key not in shown:
            found.append(item)
    given: set[str] = set()
    result: list[Pick] = []
    for pick in picks:
        others = [] if pick.doc_id in given else by_document[pick.doc_id]
        given.add(pick.doc_id)
        best = max(map(place_worth, [pick.ranked, *others]))
        near = [item for item in others if place_worth(item) >= _NEAR * best]
        near.sort(key=place_worth, reverse=True)
        most = min(_MOST_FURTHER, pick.token_count // _TOKENS_OF_PLACE)
        further = _of_other_places(pick.ranked, near, most)
        result.append(replace(pick, further=further))
    return result


def _of_other_places(first: Ranked, others: Sequence[Ranked], most: int) -> tuple[Ranked, ...]:
    """Leave out parts of a definition that is there already: it is shown as one place."""
    kept = [first]
    for item in others:
        if len(kept) > most:
            break
        if not any(_one_place(item.candidate.metadata, each.candidate.metadata) for each in kept):
            kept.append(item)
    return tuple(kept[1:])


def _one_place(a: ChunkMetadata, b: ChunkMetadata) -> bool:
    """Whether two chunks are parts of one definition that stand close together."""
    same = a.symbol == b.symbol and a.symbol != ""
    return same and abs(a.start_line - b.start_line) <= _CLOSE_LINES
