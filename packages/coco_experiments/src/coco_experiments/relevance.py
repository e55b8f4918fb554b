"""Relevance of hits: each is worth the best grade of the anchors that it is the first to match."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from coco_core.anchors import Retrieved, matches
from coco_experiments.spec import Expected

__all__ = ["Relevance", "Retrieved", "judge_relevance"]


@dataclass(frozen=True, slots=True)
class Relevance:
    """What the hits of one question are worth, in their order."""

    gains: tuple[float, ...]
    """By hit: the best grade among the anchors that it is the first to match, 0 if none."""
    found: tuple[int, ...]
    """By hit: how many anchors it is the first to match."""
    ideal: tuple[float, ...]
    """The grades of everything expected, best first."""


def judge_relevance(expected: Sequence[Expected], hits: Sequence[Retrieved]) -> Relevance:
    """Credit each anchor to the first hit that matches it; a hit that only repeats gains nothing.

    Raises:
        InvalidConfig: an anchor names lines, and a hit of its document has none.
    """
    open_anchors = list(expected)
    gains: list[float] = []
    found: list[int] = []
    for hit in hits:
        met = [each for each in open_anchors if matches(each.anchor, hit.doc_id, hit)]
        open_anchors = [each for each in open_anchors if each not in met]
        gains.append(max((each.grade for each in met), default=0.0))
        found.append(len(met))
    ideal = sorted((each.grade for each in expected), reverse=True)
    return Relevance(tuple(gains), tuple(found), tuple(ideal))
