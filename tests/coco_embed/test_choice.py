from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coco_core.configs import EmbeddingConfig
from coco_core.errors import InvalidConfig, ModelMissing, QuotaExceeded, Unavailable
from coco_embed.budget import EmbeddingBudget
from coco_embed.choice import Embedders, EmbeddingSettings
from coco_embed.store import InstalledModel
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.waiting import until


def test_the_environment_says_where_embedding_happens() -> None:
    settings = EmbeddingSettings.from_environment(
        {
            "COCO_EMBED_URL": "http://h/v1",
            "COCO_EMBED_API_KEY": "secret",
            "COCO_EMBED_DIMENSION": "1024",
            "COCO_EMBED_BATCH": " 16 ",
            "COCO_EMBED_MODEL_DIR": "/models",
            "COCO_OFFLINE": "true",
        }
    )
    assert settings == EmbeddingSettings(
        url="http://h/v1",
        api_key_env="COCO_EMBED_API_KEY",
        dimension=1024,
        batch_size=16,
        models=Path("/models"),
        offline=True,
    )
    assert EmbeddingSettings.from_environment({"COCO_EMBED_URL": " "}) == EmbeddingSettings()


@pytest.mark.parametrize("value", ["0", "-1", "many", "1e3", "9" * 30, "٣"])
def test_a_number_that_is_none_is_refused(value: str) -> None:
    with pytest.raises(InvalidConfig, match="COCO_EMBED_BATCH"):
        EmbeddingSettings.from_environment({"COCO_EMBED_BATCH": value})


def test_the_built_in_model_is_shared(model: InstalledModel) -> None:
    embedders = Embedders(EmbeddingSettings(models=model.directory.parents[1], offline=True))
    config = EmbeddingConfig()
    assert embedders.dimension(config) == 384
    first, second = embedders.open(config), embedders.open(config)
    first.close()
    vector = second.embed_documents(["text"])[0]
    assert vector.shape == (384,)
    tokenizer = embedders.tokenizer(config)
    assert tokenizer is not None and tokenizer.count("one two") == 2
    embedders.close()
    with pytest.raises(Unavailable, match="closed"):
        second.embed_query("text")


def test_a_missing_model_is_told_when_nothing_may_be_fetched(tmp_path: Path) -> None:
    embedders = Embedders(EmbeddingSettings(models=tmp_path, offline=True))
    assert embedders.dimension(EmbeddingConfig()) == 384
    with pytest.raises(ModelMissing, match="COCO_OFFLINE"):
        embedders.open(EmbeddingConfig())


def test_a_model_that_is_not_built_in_needs_a_server() -> None:
    with pytest.raises(InvalidConfig, match="COCO_EMBED_URL"):
        Embedders().dimension(EmbeddingConfig(model_name="text-embedding-3-small"))


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=32) as running:
        yield running


def test_a_server_is_asked_for_its_dimension_once(server: EmbeddingServer) -> None:
    embedders = Embedders(EmbeddingSettings(url=server.url, batch_size=4))
    config = EmbeddingConfig(model_name="hashing")
    assert embedders.dimension(config) == 32
    assert embedders.dimension(config) == 32
    assert server.requests == 1
    embedder = embedders.open(config)
    vectors = embedder.embed_documents([f"text number {number}" for number in range(10)])
    assert server.requests == 4
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(vectors[3], embedder.embed_query("text number 3"), atol=1e-6)
    assert embedders.tokenizer(config) is None
    embedder.close()


def test_a_jobs_budget_holds_for_all_its_requests(server: EmbeddingServer) -> None:
    embedders = Embedders(EmbeddingSettings(url=server.url, dimension=32, batch_size=4))
    budget = EmbeddingBudget(texts=6)
    embedder = embedders.open(EmbeddingConfig(model_name="hashing"), budget=budget)
    embedder.embed_documents(["a", "b", "c", "d"])
    with pytest.raises(QuotaExceeded, match="may embed 6 texts"):
        embedder.embed_documents(["e", "f", "g"])
    assert server.requests == 1
    embedder.close()
    other = embedders.open(EmbeddingConfig(model_name="hashing"))
    assert other.embed_documents(["e", "f", "g"]).shape == (3, 32)
    other.close()


def test_a_jobs_waits_have_an_end(server: EmbeddingServer) -> None:
    server.refusals = [(429, {"Retry-After": "30"})] * 3
    embedders = Embedders(EmbeddingSettings(url=server.url, dimension=32))
    budget = EmbeddingBudget(waiting_seconds=20)
    embedder = embedders.open(EmbeddingConfig(model_name="hashing"), budget=budget)
    with pytest.raises(Unavailable, match=r"waited 0 s .*HTTP 429"):
        embedder.embed_documents(["text"])
    assert server.requests == 1
    embedder.close()


def test_closing_ends_a_request_that_the_server_does_not_answer(server: EmbeddingServer) -> None:
    embedders = Embedders(EmbeddingSettings(url=server.url, dimension=32, batch_size=1))
    embedder = embedders.open(EmbeddingConfig(model_name="hashing"), timeout=600)
    server.gate.clear()
    problems: list[Unavailable] = []

    def index() -> None:
        try:
            embedder.embed_documents(["one", "two"])
        except Unavailable as error:
            problems.append(error)

    thread = threading.Thread(target=index)
    thread.start()
    until(lambda: server.requests >= 2)
    embedder.close()
    thread.join(10)
    assert len(problems) == 1
