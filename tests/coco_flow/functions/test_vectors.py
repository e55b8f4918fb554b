from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from coco_flow.errors import DefinitionError, ExtraMissing
from coco_flow.functions.colpali import (
    ColPaliEmbedImage,
    ColPaliEmbedImageExecutor,
    ColPaliEmbedQuery,
    ColPaliEmbedQueryExecutor,
)
from coco_flow.functions.vectors import max_sim, multi_vector_type
from coco_flow.types.analysis import analyze_type_info
from coco_flow.types.encode import make_engine_value_encoder
from coco_flow.types.schema import enriched_type


@pytest.mark.row("EM-4 MaxSim")
def test_each_vector_of_the_query_counts_with_its_best_match() -> None:
    query = [[1.0, 0.0], [0.0, 2.0]]
    document = [[0.5, 0.5], [3.0, -1.0], [0.0, 0.25]]
    # The first finds 3 at the second vector, the second 2 x 0.5 at the first one.
    assert max_sim(query, document) == pytest.approx(3.0 + 1.0)


@pytest.mark.row("EM-4 MaxSim")
@pytest.mark.row("IMG-3 multi-vector")
def test_the_score_is_the_sum_over_tokens_of_the_best_of_all_patches() -> None:
    random = np.random.default_rng(1)
    query = random.normal(size=(7, 16)).astype(np.float32)
    document = random.normal(size=(40, 16)).astype(np.float32)
    expected = sum(max(float(q @ d) for d in document) for q in query)
    assert max_sim(query, document) == pytest.approx(expected, rel=1e-5)


def test_nothing_has_no_score() -> None:
    assert max_sim(np.empty((0, 4), np.float32), np.ones((2, 4), np.float32)) == 0.0
    assert max_sim([[1.0]], []) == 0.0


@pytest.mark.parametrize(
    ("query", "document"),
    [([[1.0, 2.0]], [[1.0]]), ([1.0, 2.0], [[1.0, 2.0]]), ([[1.0], [1.0, 2.0]], [[1.0]])],
)
def test_vectors_of_different_lengths_have_no_score(query: object, document: object) -> None:
    with pytest.raises(DefinitionError, match="one model"):
        max_sim(query, document)  # type: ignore[arg-type]


def test_a_multi_vector_is_any_number_of_vectors_of_one_length() -> None:
    annotation = multi_vector_type(3)
    vector = enriched_type(annotation).type.vector  # type: ignore[union-attr]
    assert vector is not None
    assert vector.dimension is None
    assert vector.element_type.vector is not None
    assert vector.element_type.vector.dimension == 3
    encode = make_engine_value_encoder(analyze_type_info(annotation))
    encoded = encode([np.ones(3, np.float32), np.zeros(3, np.float32)])
    assert [list(each) for each in encoded] == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.row("FN-11 missing extra")
def test_visual_models_need_an_extra(without_module: Callable[[str], None]) -> None:
    without_module("colpali_engine")
    image, query = ColPaliEmbedImageExecutor(), ColPaliEmbedQueryExecutor()
    image.spec = ColPaliEmbedImage(model="vidore/colpali-v1.2")
    query.spec = ColPaliEmbedQuery(model="vidore/colpali-v1.2")
    for executor in (image, query):
        with pytest.raises(
            ExtraMissing, match=r"'colpali-engine'.*pip install 'coco-flow\[colpali\]'"
        ):
            executor.analyze()
