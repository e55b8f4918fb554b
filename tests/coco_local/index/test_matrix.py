"""The scan of bytes against a slow scan of all vectors: the same rows, the same cosines."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coco_core.types import FloatMatrix, FloatVector
from coco_local.index.byte_vectors import encoded, scan
from coco_local.index.matrix import VectorMatrix

DIMENSION = 24


@st.composite
def crowded(draw: st.DrawFn) -> FloatMatrix:
    """Draw vectors of which many are equal, nearly equal, long, short or zero."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    centers = rng.standard_normal((draw(st.integers(1, 6)), DIMENSION))
    count = draw(st.integers(1, 300))
    spread = draw(st.sampled_from([0.0, 1e-4, 1e-2, 1.0]))
    noise = spread * rng.standard_normal((count, DIMENSION))
    vectors = centers[rng.integers(0, len(centers), count)] + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors *= rng.choice([0.0, 0.01, 1.0, 3.0], (count, 1), p=[0.1, 0.1, 0.7, 0.1])
    return vectors.astype(np.float32)


def asked_like(vectors: FloatMatrix, seed: int) -> FloatVector:
    rng = np.random.default_rng(seed)
    query: FloatVector = (vectors[rng.integers(len(vectors))] + 0.1).astype(np.float32)
    return query


def exact(vectors: FloatMatrix, query: FloatVector) -> FloatVector:
    """Return the cosines of what the matrix keeps, in its own arithmetic."""
    halves = vectors.astype(np.float16).astype(np.float32)
    cosines: FloatVector = (halves * query).sum(axis=1)
    return cosines


@settings(max_examples=150, deadline=None)
@given(crowded(), st.integers(0, 99), st.integers(0, 60), st.floats(0.0, 1.0))
def test_the_best_rows_are_those_of_a_scan_of_everything(
    vectors: FloatMatrix, seed: int, k: int, share: float
) -> None:
    matrix = VectorMatrix(DIMENSION)
    matrix.set(np.arange(len(vectors)), vectors)
    query = asked_like(vectors, seed)
    allowed = np.random.default_rng(seed).random(len(vectors)) < share
    cosines = exact(vectors, query)
    order = [row for row in np.argsort(-cosines, kind="stable").tolist() if allowed[row]]
    best, scored = matrix.best(query, allowed, k)
    assert sorted(best.tolist()) == sorted(order[:k])
    assert scored.tolist() == cosines[best].tolist()
    assert matrix.cosines(query, best).tolist() == cosines[best].tolist()


@settings(max_examples=150, deadline=None)
@given(crowded(), st.integers(0, 99))
def test_no_product_is_further_away_than_the_codes_say(vectors: FloatMatrix, seed: int) -> None:
    query = asked_like(vectors, seed)
    found = scan(query, encoded(vectors))
    products = vectors.astype(np.float64) @ query.astype(np.float64)
    assert (np.abs(products - found.products) <= found.radius).all()


@pytest.mark.parametrize("dimension", [1, 3, 384, 1024, 4096])
def test_codes_are_added_exactly_at_any_length(dimension: int) -> None:
    rng = np.random.default_rng(dimension)
    # The largest sums that codes can have, of both signs, where 16 bits would overflow.
    vectors = np.concatenate(
        [np.ones((2, dimension)) * [[1], [-1]], rng.standard_normal((40, dimension))]
    ).astype(np.float32)
    found = scan(vectors[0], encoded(vectors))
    products = vectors.astype(np.float64) @ vectors[0].astype(np.float64)
    assert (np.abs(products - found.products) <= found.radius).all()
    assert found.products[:2].tolist() == pytest.approx([dimension, -dimension])


def test_rows_come_and_change_in_any_order() -> None:
    rng = np.random.default_rng(7)
    matrix, vectors = VectorMatrix(DIMENSION), np.zeros((3000, DIMENSION), np.float32)
    has = np.zeros(len(vectors), np.bool_)
    for step in range(60):
        rows = np.unique(rng.integers(0, 50 * (step + 1), 40))
        fresh = rng.standard_normal((len(rows), DIMENSION)).astype(np.float32)
        (matrix.set if step % 2 else matrix.set_static)(rows, fresh)
        vectors[rows], has[rows] = fresh, True
    query = vectors[np.flatnonzero(has)[5]]
    cosines = exact(vectors, query)
    expected = sorted(np.flatnonzero(has).tolist(), key=lambda row: (-cosines[row], row))[:100]
    assert sorted(matrix.best(query, has, 100)[0].tolist()) == sorted(expected)
    everything = np.arange(len(vectors) + 5)
    assert matrix.cosines(query, everything).tolist()[-5:] == [0.0] * 5


@pytest.mark.parametrize("some", [True, False])
def test_its_arrays_give_the_same_matrix(some: bool) -> None:
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((500, DIMENSION)).astype(np.float32)
    rows = np.arange(0, 500, 2) if some else np.arange(500)
    matrix, again = VectorMatrix(DIMENSION), VectorMatrix(DIMENSION)
    matrix.set(rows, vectors[rows])
    again.load_arrays(matrix.to_arrays(500))
    allowed = matrix.known(500)
    assert again.known(500).tolist() == allowed.tolist()
    assert again.take(rows).tolist() == matrix.take(rows).tolist()
    found, cosines = matrix.best(vectors[0], allowed, 20)
    found_again, cosines_again = again.best(vectors[0], allowed, 20)
    assert found_again.tolist() == found.tolist()
    assert cosines_again.tolist() == cosines.tolist()
