from __future__ import annotations

import math

import pytest

from coco_core.metrics import (
    average,
    bootstrap_interval,
    hit_rate_at,
    ndcg_at,
    percentile,
    permutation_p,
    precision_at,
    recall_at,
    reciprocal_rank,
)

# Relevant at ranks 1, 3 and 6, of four relevant in all.
GAINS = [1.0, 0.0, 1.0, 0.0, 0.0, 1.0]


def test_binary_metrics_by_hand() -> None:
    assert recall_at(5, [1, 0, 1, 0, 0, 1], 4) == 0.5
    assert recall_at(10, [1, 0, 1, 0, 0, 1], 4) == 0.75
    assert recall_at(1, [2, 1], 3) == pytest.approx(2 / 3)
    assert recall_at(5, [], 0) == 0.0
    assert precision_at(5, GAINS) == pytest.approx(0.4)
    assert precision_at(10, GAINS) == pytest.approx(0.3)
    assert reciprocal_rank(GAINS) == 1.0
    assert reciprocal_rank([0.0, 0.0, 1.0]) == pytest.approx(1 / 3)
    assert reciprocal_rank([0.0]) == 0.0
    assert hit_rate_at(1, [0.0, 1.0]) == 0.0
    assert hit_rate_at(2, [0.0, 1.0]) == 1.0


def test_binary_ndcg_by_hand() -> None:
    # DCG 1 + 1/2 = 1.5 within five; ideal of four: 1 + .6309 + .5 + .4307.
    assert ndcg_at(5, GAINS, [1.0] * 4) == pytest.approx(1.5 / 2.5616063, rel=1e-6)
    assert ndcg_at(10, GAINS, [1.0] * 4) == pytest.approx((1.5 + 1 / math.log2(7)) / 2.5616063)
    assert ndcg_at(10, [], [1.0]) == 0.0
    assert ndcg_at(10, [0.0], []) == 0.0


def test_graded_ndcg_by_hand() -> None:
    # 2 at rank 1, 3 at rank 2: 2 + 3/1.58496 = 3.89279; ideal 3 + 2/1.58496 = 4.26186.
    assert ndcg_at(10, [2.0, 3.0], [3.0, 2.0]) == pytest.approx(3.8927893 / 4.2618595, rel=1e-6)
    assert ndcg_at(1, [2.0, 3.0], [3.0, 2.0]) == pytest.approx(2 / 3)


def test_ideal_is_cut_at_k() -> None:
    assert ndcg_at(2, [1.0, 1.0], [1.0] * 9) == 1.0


def test_averages_and_percentiles() -> None:
    assert average([1.0, 2.0, 6.0]) == 3.0
    assert average([]) == 0.0
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert percentile([1.0, 2.0, 3.0, 4.0], 1.0) == 4.0
    assert percentile([], 0.95) == 0.0


def test_a_clear_difference_is_found_and_none_is_not() -> None:
    worse = [0.1, 0.2, 0.3, 0.4, 0.5, 0.2, 0.3, 0.1, 0.2, 0.3]
    better = [value + 0.3 for value in worse]
    interval = bootstrap_interval(worse, better)
    assert interval.mean == pytest.approx(0.3)
    assert interval.low == pytest.approx(0.3)
    assert interval.high == pytest.approx(0.3)
    # Of 1,024 arrangements of signs two are as extreme as all alike.
    assert permutation_p(worse, better) == pytest.approx(2 / 1024, abs=0.0015)
    assert permutation_p(worse, worse) == 1.0


def test_noise_has_an_interval_around_zero() -> None:
    first = [0.0, 1.0] * 20
    second = [1.0, 0.0] * 20
    interval = bootstrap_interval(first, second)
    assert interval.low < 0 < interval.high
    assert permutation_p(first, second) > 0.5


def test_the_same_seed_gives_the_same_figures() -> None:
    first, second = [0.1, 0.5, 0.9, 0.3], [0.2, 0.4, 1.0, 0.6]
    assert bootstrap_interval(first, second, seed=7) == bootstrap_interval(first, second, seed=7)
    assert permutation_p(first, second, seed=7) == permutation_p(first, second, seed=7)


def test_values_must_pair() -> None:
    with pytest.raises(ValueError, match="paired"):
        bootstrap_interval([1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="paired"):
        permutation_p([], [])
