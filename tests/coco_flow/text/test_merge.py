"""The merge of atoms against the plain dynamic programme that it must equal."""

from __future__ import annotations

import heapq
import random

import pytest

from coco_flow.text.atoms import Atoms
from coco_flow.text.merge import merge


def plain_merge(
    atoms: Atoms, size: int, chunk_size: int, least: int, overlap: int
) -> list[tuple[int, int]]:
    """Try every start for every end, with CocoIndex's costs."""
    starts, ends, levels, inner, breaks = atoms
    gaps = [0]
    for difference in range(1, 50):
        gaps.append(gaps[-1] + 512 // difference)

    def gap(edge: int, inside: int) -> int:
        return gaps[edge - inside] if edge > inside else 0

    def rest(at: int) -> int:
        return (size - at) * 512 // overlap if overlap else 0

    nothing = 1 << 62
    plans = [(0, 0, 0, rest(0))]
    for i in range(len(starts) - 1):
        best = (nothing, 0, 0)
        level, line_break = nothing, 0
        candidates: list[tuple[int, int]] = []
        for j in range(i, -1, -1):
            length = ends[i] - starts[j]
            cost = gap(levels[j], level) + gap(levels[i + 1], level)
            cost += 64 * max(line_break - breaks[j], 0)
            cost += 64 * max(line_break - breaks[i + 1], 0)
            cost += (1 << 20) * (length < least)
            if length > chunk_size:
                if best[0] == nothing:
                    best = (cost + plans[j][0], j, j)
                break
            before = j
            if overlap:
                while candidates and ends[-candidates[0][1]] - starts[j] > overlap:
                    heapq.heappop(candidates)
                heapq.heappush(candidates, (plans[j][0] + plans[j][3], -j))
                before = -candidates[0][1]
                cost += 512 + min(plans[before][3] - rest(starts[j]), 0)
            else:
                cost += 256
            cost += plans[before][0]
            if cost < best[0]:
                best = (cost, j, before)
            level, line_break = min(level, levels[j]), max(line_break, inner[j])
        plans.append((*best, rest(ends[i])))
    spans = []
    end = len(plans) - 1
    while end:
        spans.append((starts[plans[end][1]], ends[end - 1]))
        end = plans[end][2]
    return spans[::-1]


def random_atoms(chance: random.Random) -> tuple[Atoms, int]:
    rows, at = [], chance.choice([0, 0, 3, 400])
    longest = chance.choice([3, 12, 40])
    for _ in range(chance.randint(0, chance.choice([4, 30, 120]))):
        at += chance.choice([0, 1, 1, 2, 30])
        end = at + chance.randint(1, longest if chance.random() < 0.97 else 20 * longest)
        line = chance.choice([0, 0, 1, 2])
        inside = chance.choice([0, 0, 0, 1, 2])
        rows.append((at, end, chance.randint(0, chance.choice([1, 4, 9])), inside, line))
        at = end
    size = at + chance.choice([0, 5])
    rows.append((size, size, 0, 0, 2))
    return Atoms(*zip(*rows, strict=True)), size


@pytest.mark.parametrize("seed", range(8))
def test_the_merge_finds_the_same_chunks(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        atoms, size = random_atoms(chance)
        chunk_size = chance.choice([5, 20, 50, 100, 300])
        least = chance.choice([0, 1, chunk_size // 2, chunk_size, 2 * chunk_size])
        overlap = min(chance.choice([0, 1, 5, chunk_size // 4, chunk_size]), least)
        found = merge(atoms, size, chunk_size=chunk_size, min_chunk_size=least, overlap=overlap)
        assert found == plain_merge(atoms, size, chunk_size, least, overlap)


def test_costs_above_that_of_a_small_chunk_are_compared_too() -> None:
    # So many chunks that together they cost more than one that is too small.
    rows = [(10 * n, 10 * n + 9, n * 7 % 5, 0, n % 3) for n in range(9000)]
    atoms = Atoms(*zip(*rows, (90_000, 90_000, 0, 0, 2), strict=True))
    found = merge(atoms, 90_000, chunk_size=30, min_chunk_size=15, overlap=0)
    assert found == plain_merge(atoms, 90_000, 30, 15, 0)
