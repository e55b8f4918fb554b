from __future__ import annotations

import pytest

from coco_core.errors import QuotaExceeded, Unavailable
from coco_embed.budget import EmbeddingBudget
from tests.threads import at_once


def test_a_budget_of_texts_is_kept_to_the_unit_by_many_threads() -> None:
    budget = EmbeddingBudget(texts=1000)
    refused = []

    def spend() -> None:
        for _ in range(100):
            try:
                budget.spend(3)
            except QuotaExceeded:
                refused.append(1)

    at_once(*[spend] * 8)
    assert budget.sent == 999
    assert len(refused) == 800 - 333


def test_what_is_refused_is_named() -> None:
    budget = EmbeddingBudget(texts=10, name="import")
    budget.spend(8)
    with pytest.raises(QuotaExceeded, match="import may embed 10 texts; 8 are embedded and 3 more"):
        budget.spend(3)
    budget.spend(2)


def test_waiting_ends_with_the_budget() -> None:
    budget = EmbeddingBudget(waiting_seconds=5)
    budget.wait(4, "HTTP 429")
    with pytest.raises(Unavailable, match=r"has waited 4 s .*HTTP 503"):
        budget.wait(2, "HTTP 503")
    budget.wait(1, "HTTP 429")
