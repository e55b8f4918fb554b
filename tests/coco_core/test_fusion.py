from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coco_core.fusion import effective_alpha, fuse
from coco_core.intent import FusionMethod
from coco_core.types import Candidate, ChunkKind, ChunkMetadata

METHODS: tuple[FusionMethod, ...] = ("relative", "rrf")


def candidate(key: int, keyword: float | None, vector: float | None) -> Candidate:
    facts = ChunkMetadata(key, f"{key}.py", ChunkKind.TEXT, "python", "", (), 1, 2, 10)
    return Candidate(facts, keyword, vector)


def order(scores: np.ndarray) -> list[int]:
    return [int(i) for i in np.argsort(-scores, kind="stable")]


SCORES = st.lists(
    st.tuples(st.integers(0, 1000), st.integers(-1000, 1000)), min_size=1, max_size=30
).map(lambda pairs: [candidate(i, k / 10, v / 1000) for i, (k, v) in enumerate(pairs)])


@pytest.mark.parametrize("method", METHODS)
@given(candidates=SCORES)
def test_alpha_0_and_1_are_pure_rankings(method: FusionMethod, candidates: list[Candidate]) -> None:
    for alpha, mode, stage in ((0.0, "fts", "keyword"), (1.0, "vector", "vector")):
        hybrid = fuse(candidates, mode="hybrid", alpha=alpha, method=method, vector_coverage=0.5)
        pure = fuse(candidates, mode=mode, alpha=0.5, method=method, vector_coverage=0.5)  # type: ignore[arg-type]  # both are modes
        raw = np.array([getattr(each, stage) for each in candidates])
        assert hybrid.tolist() == pure.tolist()
        assert order(hybrid) == order(raw)


@pytest.mark.parametrize("method", METHODS)
@given(candidates=SCORES, alpha=st.floats(0, 1))
def test_scores_are_0_to_1(method: FusionMethod, candidates: list[Candidate], alpha: float) -> None:
    scores = fuse(candidates, mode="hybrid", alpha=alpha, method=method, vector_coverage=1.0)
    assert scores.shape == (len(candidates),)
    assert (scores >= 0).all()
    assert (scores <= 1 + 1e-9).all()


def test_coverage_weighs_the_vectors() -> None:
    assert effective_alpha("hybrid", 0.6, 1.0) == pytest.approx(0.6)
    assert 0 < effective_alpha("hybrid", 0.6, 0.1) < 0.2
    assert effective_alpha("hybrid", 0.6, 0.0) == 0.0
    assert effective_alpha("hybrid", 1.0, 0.01) == 1.0
    assert effective_alpha("hybrid", 1.0, 0.0) == 1.0
    assert effective_alpha("hybrid", 0.0, 1.0) == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_a_missing_vector_is_neither_good_nor_bad(method: FusionMethod) -> None:
    candidates = [
        candidate(0, 10.0, None),
        candidate(1, 9.0, 0.1),
        candidate(2, 2.0, 0.5),
        # Found by its vector alone; such high scores say nothing about the unembedded one.
        candidate(3, None, 0.6),
    ]
    scores = fuse(candidates, mode="hybrid", alpha=0.5, method=method, vector_coverage=0.75)
    assert scores[0] > scores[2]
    assert scores[0] > scores[1]


def test_an_embedded_chunk_does_not_win_by_being_embedded() -> None:
    # The better keyword hit has no vector; the other's vector is the only one and thus the best.
    candidates = [candidate(0, 10.0, None), candidate(1, 5.0, 0.2)]
    scores = fuse(candidates, mode="hybrid", alpha=0.6, method="relative", vector_coverage=0.5)
    assert scores[0] > scores[1]


def test_what_keywords_let_expect_stands_in_for_a_missing_vector() -> None:
    # Keywords and vectors agree throughout, so the best keyword hit would have had the best vector.
    embedded = [candidate(i, float(i), i / 10) for i in range(1, 9)]
    candidates = [candidate(0, 9.0, None), *embedded, candidate(9, 0.5, None)]
    scores = fuse(candidates, mode="hybrid", alpha=0.6, method="relative", vector_coverage=0.8)
    assert order(scores) == [0, 8, 7, 6, 5, 4, 3, 2, 1, 9]


def test_without_any_vector_keywords_decide() -> None:
    candidates = [candidate(i, float(i), None) for i in range(4)]
    for method in METHODS:
        scores = fuse(candidates, mode="hybrid", alpha=0.6, method=method, vector_coverage=0.0)
        assert order(scores) == [3, 2, 1, 0]


def test_vector_only_hits_without_judged_peers() -> None:
    candidates = [candidate(0, 3.0, None), candidate(1, None, 0.4), candidate(2, None, 0.2)]
    scores = fuse(candidates, mode="hybrid", alpha=0.6, method="relative", vector_coverage=0.6)
    assert scores[0] == 1.0
    assert scores[1] > scores[2]


def test_equal_scores_share_a_rank() -> None:
    candidates = [candidate(0, 1.0, None), candidate(1, 1.0, None), candidate(2, 0.5, None)]
    scores = fuse(candidates, mode="fts", alpha=0.5, method="rrf", vector_coverage=0.0)
    assert scores[0] == scores[1] == 1.0
    assert scores[2] == pytest.approx(61 / 63)


def test_nothing_to_fuse() -> None:
    for method in METHODS:
        assert fuse([], mode="hybrid", alpha=0.5, method=method, vector_coverage=1.0).size == 0
