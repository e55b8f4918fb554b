"""What of an experiment goes into a project's defaults."""

from __future__ import annotations

import pytest

from coco_core.errors import InvalidInput
from coco_experiments.adoption import adoption
from coco_experiments.results import Results
from tests.experiment_parts import TARGET, experiment

RESULTS = Results(experiment(), TARGET, 0.0, 1.0, (), ())


def test_index_and_query_strategy_are_named_and_given() -> None:
    request, config = adoption(RESULTS, "windows", "hybrid")
    assert request.model_dump(exclude_unset=True) == {
        "indexing_config_id": "windows",
        "query_config_id": "hybrid",
        "retrieval_config": {"top_k": 3, "hybrid_alpha": 0.5},
    }
    assert config == RESULTS.experiment.indexes[1]


def test_one_of_them_leaves_the_other_as_it_is() -> None:
    request, config = adoption(RESULTS, None, "hybrid")
    assert "indexing_config_id" not in request.model_fields_set
    assert config is None
    request, _ = adoption(RESULTS, "windows", None)
    assert request.model_dump(exclude_unset=True) == {"indexing_config_id": "windows"}


def test_going_back_names_any_config_and_forgets_the_query_strategy() -> None:
    request, config = adoption(RESULTS, "default", None, forget=True)
    assert request.model_dump(exclude_unset=True) == {
        "indexing_config_id": "default",
        "retrieval_config": {},
    }
    assert config is None


@pytest.mark.parametrize(
    ("index", "query", "meant"), [("sektions", None, "sections"), (None, "hybird", "hybrid")]
)
def test_unknown_strategies_are_told_with_what_was_meant(
    index: str | None, query: str | None, meant: str
) -> None:
    with pytest.raises(InvalidInput) as raised:
        adoption(RESULTS, index, query)
    assert f"Did you mean {meant!r}?" in str(raised.value)
