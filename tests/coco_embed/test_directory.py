"""Custom models: what their directories say, and vectors that can be computed by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from coco_core.configs import EmbeddingConfig
from coco_core.errors import CocoError, InvalidConfig, ModelMissing, Unavailable
from coco_core.types import FloatVector
from coco_embed.accuracy_check import CHECK_WINDOW
from coco_embed.calibration import CHECK_TEXTS
from coco_embed.custom_models import CustomModel
from coco_embed.directory import ModelDirectory
from coco_embed.prompts import Prompts
from coco_embed.resolver import Embedders, EmbeddingSettings
from coco_embed.store import InstalledModel
from tests.coco_embed.tiny_model import ROWS, tiny_model, write_graph, write_json, write_tokenizer
from tests.onnx_directory import export_minilm

RED, GREEN, BLUE = ROWS[3], ROWS[4], ROWS[5]
FIRST, LAST = ROWS[0], ROWS[1]


def registered(path: Path, **values: Any) -> CustomModel:
    return CustomModel("mine", "config.toml:7", path=path, **values)


def embedders(path: Path, **values: Any) -> Embedders:
    return Embedders(EmbeddingSettings(custom_models={"mine": registered(path, **values)}))


def embed(path: Path, text: str, *, max_tokens: int = 8, **values: Any) -> FloatVector:
    opened = embedders(path, **values)
    embedder = opened.open(EmbeddingConfig("mine", max_tokens))
    [row] = embedder.embed_documents([text])
    np.testing.assert_array_equal(embedder.embed_query(text), row)
    opened.close()
    vector: FloatVector = row
    return vector


def unit(vector: FloatVector) -> FloatVector:
    length: FloatVector = vector / np.linalg.norm(vector)
    return length


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "tiny")


TOKENS = np.stack([FIRST, RED, RED, BLUE, LAST])
WEIGHTS = np.arange(1, 6, dtype=np.float32)


@pytest.mark.parametrize(
    ("pooling", "expected"),
    [
        ("mean", TOKENS.mean(axis=0)),
        ("cls", FIRST),
        ("last", LAST),
        ("max", TOKENS.max(axis=0)),
        ("weighted_mean", WEIGHTS @ TOKENS),
        (None, TOKENS.mean(axis=0)),
    ],
)
def test_tokens_become_one_vector(tiny: Path, pooling: str | None, expected: FloatVector) -> None:
    vector = embed(tiny, "red red blue", pooling=pooling)
    np.testing.assert_allclose(vector, unit(expected), atol=1e-6)


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, FIRST),
        ({"pooling_mode_lasttoken": True}, LAST),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, TOKENS.mean(axis=0)),
        ({"pooling_mode": "cls"}, FIRST),
        ({"pooling_mode": "lasttoken"}, LAST),
        ({"pooling_mode": "mean"}, TOKENS.mean(axis=0)),
        ({"pooling_mode": "weightedmean"}, WEIGHTS @ TOKENS),
    ],
)
def test_its_pooling_is_read(tiny: Path, config: dict[str, object], expected: FloatVector) -> None:
    write_json(tiny, "1_Pooling/config.json", config)
    np.testing.assert_allclose(embed(tiny, "red red blue"), unit(expected), atol=1e-6)


def test_a_graph_may_pool_by_itself(tiny: Path) -> None:
    write_graph(tiny / "model.onnx", outputs=("token_embeddings", "sentence_embedding"))
    expected = unit(TOKENS.sum(axis=0))
    np.testing.assert_allclose(embed(tiny, "red red blue"), expected, atol=1e-6)
    np.testing.assert_allclose(embed(tiny, "red red blue", pooling="cls"), unit(FIRST), atol=1e-6)
    np.testing.assert_allclose(embed(tiny, "red red blue", pooling="none"), expected, atol=1e-6)


def test_the_state_that_another_task_trained_is_left_alone(tiny: Path) -> None:
    write_graph(tiny / "model.onnx", outputs=("pooler_output", "last_hidden_state"))
    write_json(tiny, "1_Pooling/config.json", {"pooling_mode_cls_token": True})
    np.testing.assert_allclose(embed(tiny, "red"), unit(FIRST), atol=1e-6)


@pytest.mark.parametrize("kind", [TensorProto.INT32, TensorProto.INT64])
@pytest.mark.parametrize(
    "inputs",
    [("input_ids",), ("input_ids", "token_type_ids", "position_ids", "attention_mask")],
)
def test_the_graph_gets_the_inputs_it_names(tiny: Path, kind: int, inputs: tuple[str, ...]) -> None:
    write_graph(tiny / "onnx" / "model.onnx", kind=kind, inputs=inputs, half=True)
    (tiny / "model.onnx").unlink()
    vector = embed(tiny, "green")
    assert vector.dtype == np.float32
    np.testing.assert_allclose(vector, unit(FIRST + GREEN + LAST), atol=1e-3)


def test_what_is_beyond_the_window_is_cut_before_the_last_special_token(tiny: Path) -> None:
    text = "red " * 6 + "blue " * 20
    expected = unit(FIRST + 6 * RED + LAST)
    np.testing.assert_allclose(embed(tiny, text, max_tokens=8), expected, atol=1e-6)
    write_tokenizer(tiny, special=False)
    expected = unit(6 * RED + 2 * BLUE)
    np.testing.assert_allclose(embed(tiny, text, max_tokens=8), expected, atol=1e-6)


def test_prompts_come_from_the_directory_or_the_registration(tiny: Path) -> None:
    write_json(
        tiny,
        "config_sentence_transformers.json",
        {"prompts": {"query": "query: ", "passage": "text: "}, "default_prompt_name": None},
    )
    opened = embedders(tiny)
    embedder = opened.open(EmbeddingConfig("mine", 8))
    query, document = FIRST + ROWS[6] + RED + LAST, FIRST + ROWS[7] + RED + LAST
    np.testing.assert_allclose(embedder.embed_query("red"), unit(query), atol=1e-6)
    np.testing.assert_allclose(embedder.embed_documents(["red"])[0], unit(document), atol=1e-6)
    opened.close()
    bare = embedders(tiny, query_prefix="", document_prefix="")
    plain = bare.open(EmbeddingConfig("mine", 8))
    np.testing.assert_allclose(plain.embed_query("red"), unit(FIRST + RED + LAST), atol=1e-6)
    assert plain.name != embedder.name
    bare.close()


def test_the_default_prompt_is_for_both(tiny: Path) -> None:
    config = {"prompts": {"any": "text: "}, "default_prompt_name": "any"}
    write_json(tiny, "config_sentence_transformers.json", config)
    assert ModelDirectory.read(registered(tiny)).prompts == Prompts("text: ", "text: ")


def test_the_window_is_the_least_that_the_files_name(tiny: Path) -> None:
    assert ModelDirectory.read(registered(tiny)).max_tokens == 32_768
    write_json(tiny, "tokenizer_config.json", {"model_max_length": 1e30})
    write_json(tiny, "config.json", {"max_position_embeddings": 512})
    assert ModelDirectory.read(registered(tiny)).max_tokens == 512
    shifted = {"max_position_embeddings": 514, "model_type": "xlm-roberta", "pad_token_id": 1}
    write_json(tiny, "config.json", shifted)
    assert ModelDirectory.read(registered(tiny)).max_tokens == 512
    write_json(tiny, "sentence_bert_config.json", {"max_seq_length": 256})
    assert ModelDirectory.read(registered(tiny)).max_tokens == 256
    assert ModelDirectory.read(registered(tiny, max_tokens=400)).max_tokens == 400
    with pytest.raises(InvalidConfig, match="512 positions, and max_tokens is 513"):
        ModelDirectory.read(registered(tiny, max_tokens=513))
    with pytest.raises(InvalidConfig, match="takes 8 to 256"):
        embedders(tiny).dimension(EmbeddingConfig("mine", 257))


def test_the_name_changes_with_whatever_changes_a_vector(tiny: Path) -> None:
    names = []
    for change in (
        lambda: None,
        lambda: write_tokenizer(tiny, special=False),
        lambda: write_graph(tiny / "model.onnx", inputs=("input_ids",)),
        lambda: (tiny / "model.onnx_data").write_bytes(b"weights"),
        lambda: write_json(tiny, "1_Pooling/config.json", {"pooling_mode_cls_token": True}),
    ):
        change()
        names.append(embedders(tiny).open(EmbeddingConfig("mine", 8)).name)
    assert len(set(names)) == len(names)
    assert all(name.startswith("mine@8#") for name in names)


def test_the_dimension_is_the_graphs(tiny: Path) -> None:
    assert embedders(tiny).dimension(EmbeddingConfig("mine", 8)) == 4
    wrong = embedders(tiny, dimension=8).open(EmbeddingConfig("mine", 8))
    with pytest.raises(InvalidConfig, match="vectors of 4 numbers, not of the 8"):
        wrong.embed_query("red")


def test_a_model_that_is_not_kept_goes_with_its_last_user(tiny: Path) -> None:
    settings = EmbeddingSettings(custom_models={"mine": registered(tiny)}, keep=False)
    opened = Embedders(settings)
    first, second = (opened.open(EmbeddingConfig("mine", size)) for size in (8, 16))
    before = first.embed_query("red")
    first.close()
    (tiny / "model.onnx").write_bytes(b"no graph any more")
    # Still in memory: the other window has it.
    np.testing.assert_array_equal(second.embed_query("red"), before)
    second.close()
    second.close()
    third = opened.open(EmbeddingConfig("mine", 8))
    with pytest.raises(InvalidConfig, match="cannot be opened"):
        third.embed_query("red")
    opened.close()


def test_asking_for_the_dimension_keeps_nothing_in_memory(tiny: Path) -> None:
    settings = EmbeddingSettings(custom_models={"mine": registered(tiny)}, keep=False)
    opened = Embedders(settings)
    config = EmbeddingConfig("mine", 8)
    assert opened.dimension(config) == 4
    (tiny / "model.onnx").write_bytes(b"no graph any more")
    assert opened.dimension(config) == 4
    with pytest.raises(InvalidConfig, match="cannot be opened"):
        opened.open(config).embed_query("red")
    opened.close()


def _no_graph(path: Path) -> None:
    (path / "model.onnx").unlink()


def _other_graph(path: Path) -> None:
    (path / "onnx").mkdir()
    (path / "model.onnx").rename(path / "onnx" / "model_int8.onnx")


def _images(path: Path) -> None:
    write_graph(path / "model.onnx", inputs=("input_ids", "pixel_values"))


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (_no_graph, r"has no model.onnx or onnx/model.onnx.*optimum-cli export onnx"),
        (_other_graph, r'but onnx/model_int8.onnx.*file = "onnx/model_int8.onnx"'),
        (lambda path: (path / "tokenizer.json").unlink(), r"has no tokenizer.json.*fast tokenizer"),
        (lambda path: (path / "tokenizer.json").write_text("{}"), r"is not a tokenizer"),
        (lambda path: (path / "model.onnx").write_text("none"), r"cannot be opened"),
        (lambda path: (path / "config.json").write_text("{"), r"config.json that cannot be read"),
        (lambda path: (path / "config.json").write_text("[]"), r"config.json that is no JSON obj"),
        (lambda path: write_json(path, "modules.json", {"a": 1}), r"modules.json that lists no"),
        (_images, r"wants an input 'pixel_values'"),
        (lambda path: write_graph(path / "model.onnx", length=128), r"takes 128 tokens and no oth"),
        (
            lambda path: write_json(path, "1_Pooling/config.json", {"pooling_mode": "attention"}),
            r"uses a pooling that CoCo does not support .*attention",
        ),
        (
            lambda path: write_json(
                path,
                "1_Pooling/config.json",
                {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            ),
            r"does not support .*cls, mean",
        ),
        (
            lambda path: write_json(
                path, "modules.json", [{"type": "models.Dense", "path": "2_Dense"}]
            ),
            r"has the modules Dense, but its outputs are last_hidden_state",
        ),
    ],
)
def test_a_directory_without_such_a_model_says_why(tiny: Path, spoil: Any, problem: str) -> None:
    spoil(tiny)
    with pytest.raises(CocoError) as raised:
        embed(tiny, "red")
    assert raised.match(problem)
    assert str(tiny) in str(raised.value)


def test_a_directory_that_is_missing_is_told_with_its_registration(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match=r"nowhere \(model 'mine', config.toml:7\)"):
        embedders(tmp_path / "nowhere").dimension(EmbeddingConfig("mine"))


def test_a_text_without_tokens_has_a_vector(tiny: Path) -> None:
    write_tokenizer(tiny, special=False)
    np.testing.assert_array_equal(embed(tiny, ""), embed(tiny, " \n"))


def test_a_vector_without_direction_is_refused(tiny: Path) -> None:
    write_tokenizer(tiny, special=False)
    with pytest.raises(Unavailable, match="without direction"):
        embed(tiny, "purple")


@pytest.mark.slow
def test_the_official_weights_in_a_directory_give_the_reference_vectors(
    official: Path, model: InstalledModel, tmp_path: Path
) -> None:
    directory = export_minilm(official, tmp_path / "minilm")
    opened = embedders(directory)
    config = EmbeddingConfig("mine", CHECK_WINDOW)
    assert opened.dimension(config) == 384
    vectors = opened.open(config).embed_documents(CHECK_TEXTS)
    cosines = (vectors * np.load(model.directory / "check.npy")).sum(axis=1)
    assert cosines.min() > 0.9999
    tokenizer, packaged = opened.tokenizer(config), opened.tokenizer(EmbeddingConfig())
    assert tokenizer is not None and packaged is not None
    assert tokenizer.spans(CHECK_TEXTS[0]) == packaged.spans(CHECK_TEXTS[0])
    opened.close()
