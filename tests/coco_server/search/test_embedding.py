"""Vectors of queries are remembered for the org that asked, and for no other."""

from __future__ import annotations

from typing import Any

import numpy as np

from coco_core.configs import EmbeddingConfig
from coco_core.types import FloatVector
from coco_server.search import embedding
from coco_server.search.embedding import QueryVectors

CONFIG = EmbeddingConfig(model_name="counting", max_tokens=64)


class Counting:
    """Stands for a model, and lists what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def open(self, config: EmbeddingConfig, **_: Any) -> Counting:
        assert config == CONFIG
        return self

    def embed_query(self, text: str) -> FloatVector:
        self.asked.append(text)
        return np.array([len(text)], np.float32)

    def close(self) -> None:
        pass


def vectors_of(model: Counting) -> QueryVectors:
    return QueryVectors(model)  # type: ignore[arg-type]  # opens like Embedders


def test_what_one_org_asked_is_new_to_another() -> None:
    model = Counting()
    vectors = vectors_of(model)
    for org in ("a", "a", "b", "a", "b"):
        assert vectors.of(org, "our takeover of Acme", CONFIG) == 20
    # Once for each org: its second question alone is answered from what it asked itself.
    assert model.asked == ["our takeover of Acme"] * 2


def test_what_one_org_asks_displaces_nothing_of_another(monkeypatch: Any) -> None:
    monkeypatch.setattr(embedding, "_CACHED_VECTORS", 2)
    model = Counting()
    vectors = vectors_of(model)
    vectors.of("a", "kept", CONFIG)
    for number in range(5):
        vectors.of("b", f"question {number}", CONFIG)
    model.asked.clear()
    vectors.of("a", "kept", CONFIG)
    vectors.of("b", "question 4", CONFIG)
    vectors.of("b", "question 0", CONFIG)
    assert model.asked == ["question 0"]
