from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from coco_core.configs import EmbeddingConfig
from coco_core.errors import InvalidConfig, ModelMissing, QuotaExceeded, Unavailable
from coco_embed.budget import EmbeddingBudget
from coco_embed.custom_models import CustomModel
from coco_embed.onnx import OnnxEmbedder
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_embed.static import StaticEmbedder
from coco_embed.store import InstalledModel
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.threads import broken_off
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


def test_every_window_shares_one_model(model: InstalledModel) -> None:
    embedders = Embedders(EmbeddingSettings(models=model.directory.parents[1], offline=True))
    text = "import os\n" * 20 + "a sentence about bees and flowers"
    windows = [embedders.open(EmbeddingConfig(max_tokens=size)) for size in (8, 128, 512)]
    assert len({each.name for each in windows}) == 3
    for each in windows:
        alone = OnnxEmbedder(model, max_tokens=each.max_tokens)
        np.testing.assert_array_equal(each.embed_query(text), alone.embed_query(text))
        assert each.name == alone.name
        alone.close()
    networks = {id(each._loaded.network()) for each in windows if isinstance(each, OnnxEmbedder)}
    assert len(networks) == 1
    embedders.close()


def test_closing_one_window_ends_its_calls_and_no_other(model: InstalledModel) -> None:
    started, go = threading.Event(), threading.Event()

    def before_work() -> None:
        started.set()
        assert go.wait(30)

    embedders = Embedders(
        EmbeddingSettings(models=model.directory.parents[1], before_work=before_work)
    )
    first, second = (embedders.open(EmbeddingConfig(max_tokens=size)) for size in (64, 128))
    texts = [f"text number {number}" for number in range(100)]
    with broken_off(lambda: first.embed_documents(texts)):
        assert started.wait(30)
        first.close()
        go.set()
    assert second.embed_documents(["text"]).shape == (1, 384)
    embedders.close()


def test_a_window_that_the_model_lacks_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="takes 8 to 512"):
        Embedders().dimension(EmbeddingConfig(max_tokens=513))


def test_the_static_table_is_a_model_that_needs_no_file(tmp_path: Path) -> None:
    embedders = Embedders(EmbeddingSettings(models=tmp_path, url="http://127.0.0.1:9/v1"))
    config = EmbeddingConfig(model_name="coco-static", max_tokens=64)
    assert embedders.dimension(config) == 384
    embedder = embedders.open(config)
    head = "read the config file "
    row = embedder.embed_documents([head * 100])[0]
    np.testing.assert_array_equal(embedder.embed_query(head * 100), row)
    # 62 of 400 pieces are read: "read the" comes once more than "config file".
    expected = StaticEmbedder(max_tokens=64).embed_query(head * 15 + "read the")
    np.testing.assert_array_equal(row, expected)
    wider = embedders.open(EmbeddingConfig(model_name="coco-static"))
    assert wider.name != embedder.name
    tokenizer = embedders.tokenizer(config)
    assert tokenizer is not None and tokenizer.count("[CLS] two") == 2
    embedder.close()
    with pytest.raises(Unavailable, match="closed"):
        embedder.embed_query("x")
    assert wider.embed_query("x").shape == (384,)


def test_word_pieces_need_no_model(tmp_path: Path) -> None:
    embedders = Embedders(EmbeddingSettings(models=tmp_path, fetch=False))
    tokenizer = embedders.tokenizer(EmbeddingConfig())
    assert tokenizer is not None and tokenizer.count("getUserName()") == 5
    with pytest.raises(ModelMissing, match="not installed"):
        embedders.open(EmbeddingConfig())


def test_a_missing_model_is_told_when_nothing_may_be_fetched(tmp_path: Path) -> None:
    embedders = Embedders(EmbeddingSettings(models=tmp_path, offline=True))
    assert embedders.dimension(EmbeddingConfig()) == 384
    with pytest.raises(ModelMissing, match="COCO_OFFLINE"):
        embedders.open(EmbeddingConfig())


def test_a_model_that_is_not_built_in_needs_a_server() -> None:
    with pytest.raises(InvalidConfig, match=r"there are all-MiniLM-L6-v2, coco-static.*EMBED_URL"):
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
    with broken_off(lambda: embedder.embed_documents(["one", "two"])):
        until(lambda: server.requests >= 2)
        embedder.close()


def test_a_registered_server_needs_no_other_setting(server: EmbeddingServer) -> None:
    model = CustomModel(
        "mine", "config.toml:3", url=server.url, model="hashing", max_tokens=64, query_prefix="q "
    )
    embedders = Embedders(EmbeddingSettings(custom_models={"mine": model}))
    config = EmbeddingConfig(model_name="mine", max_tokens=64)
    assert embedders.names == ["all-MiniLM-L6-v2", "coco-static", "mine"]
    assert embedders.dimension(config) == 32
    embedder = embedders.open(config)
    query, document = embedder.embed_query("text"), embedder.embed_documents(["q text"])[0]
    np.testing.assert_allclose(query, document, atol=1e-6)
    assert "mine" not in embedder.name.split("+")[0]
    embedder.close()
    with pytest.raises(InvalidConfig, match="takes 8 to 64"):
        embedders.open(EmbeddingConfig(model_name="mine", max_tokens=65))
    with pytest.raises(InvalidConfig, match=r"no model 'mime' here.*Did you mean mine\?"):
        embedders.open(EmbeddingConfig(model_name="mime"))
    assert embedders.tokenizer(config) is None
    embedders.close()
