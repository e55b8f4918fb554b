"""The code-search questions: what they aim at, and how good an answer is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coco_core.metrics import ndcg_at
from coco_protocol.docs import Hit

Target = tuple[str, int | None, int | None]
"""Path, first and last line; without lines the whole file."""

# The published figures are nDCG@10.
PLACES = 10


@dataclass(frozen=True, slots=True)
class Repository:
    """One repository of the set with its questions."""

    name: str
    language: str
    root: Path
    questions: list[dict[str, Any]]


def repositories(questions: Path, checkouts: Path, only: set[str]) -> Iterator[Repository]:
    """Yield those that are checked out; ``only`` names some, empty means all.

    Args:
        questions: folder with ``repos.json`` and ``annotations/``.
        checkouts: folder with one checkout at its pinned revision per repository.
        only: names.
    """
    for entry in json.loads((questions / "repos.json").read_text(encoding="utf-8")):
        name = entry["name"]
        base = checkouts / name
        if not base.is_dir() or (only and name not in only):
            continue
        text = (questions / "annotations" / f"{name}.json").read_text(encoding="utf-8")
        root = base / (entry.get("benchmark_root") or "")
        yield Repository(name, entry["language"], root, json.loads(text))


def targets_of(question: dict[str, Any]) -> list[Target]:
    """Return what a question aims at."""
    found: list[Target] = []
    for each in [*question["relevant"], *question.get("secondary", [])]:
        if isinstance(each, str):
            found.append((each, None, None))
        else:
            found.append((each["path"], each.get("start_line"), each.get("end_line")))
    return found


def same_path(a: str, b: str) -> bool:
    """Whether two paths mean one file; one may be relative to a folder above the other's."""
    return a == b or a.endswith("/" + b) or b.endswith("/" + a)


def ndcg(hits: Sequence[Hit], targets: Sequence[Target]) -> float:
    """Return the binary nDCG@10 of an answer of the product."""
    return ndcg_of_places([place_of(hit) for hit in hits], targets)


def ndcg_of_places(places: Sequence[Target], targets: Sequence[Target]) -> float:
    """Return the binary nDCG@10 of an answer: each target counts at the first place in it."""
    gains = [0.0] * PLACES
    for target in targets:
        for rank, place in enumerate(places[:PLACES]):
            if _meets(place, target):
                gains[rank] = 1.0
                break
    return ndcg_at(PLACES, gains, [1.0] * len(targets))


def place_of(hit: Hit) -> Target:
    """Return where a hit stands."""
    return hit.chunk.path or hit.chunk.doc_id, hit.chunk.start_line, hit.chunk.end_line


def _meets(place: Target, target: Target) -> bool:
    path, start, end = target
    there, first, last = place
    if not same_path(there, path):
        return False
    if start is None or first is None or last is None:
        return True
    return first <= (end or start) and start <= last


def tokens_to_first_hit(hits: Sequence[Hit], targets: Sequence[Target]) -> int | None:
    """Return the tokens that are read until a file that is aimed at; ``None`` if it never comes."""
    spent = 0
    for hit in hits:
        spent += hit.chunk.token_count
        path = hit.chunk.path or hit.chunk.doc_id
        if any(same_path(path, wanted) for wanted, _, _ in targets):
            return spent
    return None


def recall_within(hits: Sequence[Hit], targets: Sequence[Target]) -> float:
    """Return the share of the targets that an answer holds, however far down."""
    places = [place_of(hit) for hit in hits]
    return sum(any(_meets(place, target) for place in places) for target in targets) / len(targets)
