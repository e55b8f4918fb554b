"""Cross-encoders of ONNX directories: order, cut, threads, and every way to be no cross-encoder."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from coco_core.errors import InvalidConfig, ModelMissing, Unavailable
from coco_embed.reranking.cross_encoder import OnnxReranker
from coco_embed.reranking.registered import RegisteredReranker
from tests.coco_embed.tiny_model import write_graph as write_embedding_graph
from tests.cross_encoder import Output, cross_encoder, write_graph

QUESTION = "how is the request context pushed"
TEXTS = [
    "what is how of the for",
    "def push(self): push the request context onto the stack",
    "the request",
    "colors of the rainbow",
]


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return cross_encoder(tmp_path_factory.mktemp("models") / "tiny")


def opened(path: Path, **fields: object) -> OnnxReranker:
    model = RegisteredReranker("tiny", "config.toml:1", path=path, **fields)  # type: ignore[arg-type]  # of mixed types
    return OnnxReranker(model, threads=2)


@pytest.fixture
def reranker(directory: Path) -> Iterator[OnnxReranker]:
    made = opened(directory)
    yield made
    made.close()


def test_a_text_that_answers_scores_higher(reranker: OnnxReranker) -> None:
    scores = reranker.score(QUESTION, TEXTS, seconds=60)
    assert np.argsort(-scores).tolist()[:2] == [1, 2]
    assert scores[1] > 0.8
    # Words that every text has are learned to say nothing.
    assert scores[0] < 0.1 > scores[3]
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize("output", ["two", "flat"])
def test_the_forms_of_an_output_mean_the_same(
    reranker: OnnxReranker, tmp_path: Path, output: Output
) -> None:
    other = opened(cross_encoder(tmp_path / output, output=output))
    expected = reranker.score(QUESTION, TEXTS, seconds=60)
    np.testing.assert_allclose(other.score(QUESTION, TEXTS, seconds=60), expected, atol=1e-5)
    other.close()


def test_texts_are_cut_before_the_query(directory: Path) -> None:
    narrow = opened(directory, max_tokens=16)
    assert narrow.max_tokens == 16
    filler = "rainbow " * 40
    near, far, alone = narrow.score(
        "request context",
        ["request context " + filler, filler + "request context", filler],
        seconds=60,
    )
    assert near > alone == far
    # Half of the window is the text's, however long the query is.
    long = narrow.score("request context " * 500, ["request context", "rainbow"], seconds=60)
    assert long[0] > long[1]
    narrow.close()


def test_empty_and_broken_texts_have_scores(reranker: OnnxReranker) -> None:
    scores = reranker.score("\ud800 request", ["", "request \udfff", " \n"], seconds=60)
    assert scores.argmax() == 1
    assert reranker.score("request", [], seconds=60).shape == (0,)


def test_many_queries_at_once_get_their_own_scores(reranker: OnnxReranker) -> None:
    expected = reranker.score(QUESTION, TEXTS, seconds=60).tolist()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: reranker.score(QUESTION, TEXTS, seconds=60), range(40)))
    assert all(each.tolist() == expected for each in found)


def test_a_query_does_not_wait_longer_than_its_time(reranker: OnnxReranker) -> None:
    reranker.score(QUESTION, TEXTS, seconds=60)
    with pytest.raises(Unavailable, match="has not read 4 texts within 0 s") as caught:
        reranker.score(QUESTION, TEXTS, seconds=0)
    assert "rerank_top_n" in str(caught.value.hint)


def test_the_position_table_limits_the_window(directory: Path) -> None:
    with pytest.raises(InvalidConfig, match="has 512 positions, and max_tokens is 600"):
        opened(directory, max_tokens=600).score(QUESTION, TEXTS, seconds=60)


def test_a_directory_that_is_not_there_is_named_and_may_come(tmp_path: Path) -> None:
    late = opened(tmp_path / "late")
    with pytest.raises(ModelMissing, match=r"late \(reranker 'tiny', config.toml:1\)"):
        late.score(QUESTION, TEXTS, seconds=60)
    cross_encoder(tmp_path / "late")
    assert late.score(QUESTION, TEXTS, seconds=60).argmax() == 1
    late.close()


@pytest.mark.parametrize("output", ["three", "nan"])
def test_another_kind_of_classifier_is_refused(tmp_path: Path, output: Output) -> None:
    wrong = opened(cross_encoder(tmp_path / "wrong", output=output))
    message = "no cross-encoder.*logits" if output == "three" else "a score that is no number"
    with pytest.raises((InvalidConfig, Unavailable), match=message):
        wrong.score(QUESTION, TEXTS, seconds=60)
    wrong.close()


def test_an_embedding_model_is_refused(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_bytes((directory / "tokenizer.json").read_bytes())
    write_embedding_graph(tmp_path / "model.onnx")
    with pytest.raises(InvalidConfig, match=r"last_hidden_state \[1, 4, 4\]") as caught:
        opened(tmp_path).score(QUESTION, TEXTS, seconds=60)
    assert "text-classification" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ({"model.onnx": b"no graph"}, "cannot be opened"),
        ({"tokenizer.json": b"{}"}, "The tokenizer of"),
        ({"config.json": b"[]"}, "no JSON object"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, damage: dict[str, bytes], message: str) -> None:
    cross_encoder(tmp_path)
    for name, content in damage.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidConfig, match=message):
        opened(tmp_path).score(QUESTION, TEXTS, seconds=60)


def test_the_graph_is_found_where_exporters_put_it(directory: Path, tmp_path: Path) -> None:
    (tmp_path / "onnx").mkdir()
    (tmp_path / "tokenizer.json").write_bytes((directory / "tokenizer.json").read_bytes())
    write_graph(tmp_path / "onnx" / "model_quantized.onnx")
    with pytest.raises(InvalidConfig, match=r"has no model\.onnx or .*, but"):
        opened(tmp_path).score(QUESTION, TEXTS, seconds=60)
    named = opened(tmp_path, file="onnx/model_quantized.onnx")
    assert named.score(QUESTION, TEXTS, seconds=60).argmax() == 1
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 128}))
    assert named.max_tokens == 128
    named.close()


def test_a_closed_reranker_says_so(directory: Path) -> None:
    closed = opened(directory)
    closed.score(QUESTION, TEXTS, seconds=60)
    before = threading.active_count()
    closed.close()
    with pytest.raises(Unavailable, match="closed"):
        closed.score(QUESTION, TEXTS, seconds=60)
    assert threading.active_count() < before
