from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from coco_core.errors import InvalidInput, Unavailable
from coco_embed.onnx import OnnxEmbedder
from coco_embed.store import InstalledModel
from tests.threads import at_once, broken_off

TEXTS = [
    "def add(a, b):\n    return a + b\n",
    "read the configuration file and return its sections",
    "SELECT id, name FROM users WHERE deleted_at IS NULL",
    "x",
    'func main() { fmt.Println("hello") }',
    "how are passwords hashed before they are stored",
]


def test_documents_and_queries_of_one_text_have_one_vector(embedder: OnnxEmbedder) -> None:
    documents = embedder.embed_documents(TEXTS)
    assert documents.shape == (len(TEXTS), 384)
    assert documents.dtype == np.float32
    for text, row in zip(TEXTS, documents, strict=True):
        np.testing.assert_array_equal(embedder.embed_query(text), row)


def test_vectors_have_length_one(embedder: OnnxEmbedder) -> None:
    lengths = np.linalg.norm(embedder.embed_documents([*TEXTS, "", " ", "\0"]), axis=1)
    np.testing.assert_allclose(lengths, 1, atol=1e-5)


def test_order_does_not_matter_and_equal_texts_are_equal(embedder: OnnxEmbedder) -> None:
    texts = TEXTS * 20
    forward = embedder.embed_documents(texts)
    np.testing.assert_array_equal(forward, embedder.embed_documents(texts[::-1])[::-1])
    np.testing.assert_array_equal(forward[: len(TEXTS)], forward[-len(TEXTS) :])


def test_no_text_gives_no_row(embedder: OnnxEmbedder) -> None:
    assert embedder.embed_documents([]).shape == (0, 384)


def test_meaning_is_found(embedder: OnnxEmbedder) -> None:
    question = embedder.embed_query("sum of two numbers")
    assert int((embedder.embed_documents(TEXTS) @ question).argmax()) == 0


def test_what_is_beyond_the_window_is_cut(embedder: OnnxEmbedder) -> None:
    # "word" is one piece, and [CLS] and [SEP] take two of the 128 places.
    exact = "word " * 126
    long = embedder.embed_query(exact + "another ending " * 70_000)
    np.testing.assert_array_equal(long, embedder.embed_query(exact))
    assert not np.array_equal(long, embedder.embed_query("word " * 125))


def test_a_wider_window_sees_more(model: InstalledModel) -> None:
    wide = OnnxEmbedder(model, max_tokens=256)
    narrow = OnnxEmbedder(model, max_tokens=16)
    text = "import os\n" * 20 + "a sentence about bees and flowers"
    assert wide.name != narrow.name
    assert not np.allclose(wide.embed_query(text), narrow.embed_query(text), atol=0.01)
    wide.close()
    narrow.close()


def test_text_that_cannot_be_encoded_is_embedded(embedder: OnnxEmbedder) -> None:
    vectors = embedder.embed_documents(["half \ud800 a pair", "half \ufffd a pair", "日本語 🎉"])
    np.testing.assert_array_equal(vectors[0], vectors[1])


def test_the_name_tells_model_window_and_file(model: InstalledModel) -> None:
    name = OnnxEmbedder(model, max_tokens=128).name
    assert name == f"all-MiniLM-L6-v2-int8@128#{model.manifest.fingerprint}"


@pytest.mark.parametrize("max_tokens", [2, 513])
def test_an_impossible_window_is_refused(model: InstalledModel, max_tokens: int) -> None:
    with pytest.raises(InvalidInput, match="3 to 512"):
        OnnxEmbedder(model, max_tokens=max_tokens)


def test_the_largest_window_runs(model: InstalledModel) -> None:
    embedder = OnnxEmbedder(model, max_tokens=512)
    assert np.isfinite(embedder.embed_query("a b c " * 1000)).all()
    embedder.close()


def test_queries_are_answered_while_documents_wait(model: InstalledModel) -> None:
    waiting, go = threading.Event(), threading.Event()

    def before_work() -> None:
        waiting.set()
        assert go.wait(30)

    embedder = OnnxEmbedder(model, threads=1, before_work=before_work)
    results: list[np.ndarray] = []
    indexing = threading.Thread(target=lambda: results.append(embedder.embed_documents(TEXTS)))
    indexing.start()
    assert waiting.wait(30)
    answer = embedder.embed_query(TEXTS[0])
    assert not results
    go.set()
    indexing.join(30)
    np.testing.assert_array_equal(results[0][0], answer)
    embedder.close()


def test_many_threads_get_what_one_gets(embedder: OnnxEmbedder) -> None:
    expected = embedder.embed_documents(TEXTS)
    wrong: list[int] = []

    def ask(place: int) -> None:
        answers = [embedder.embed_query(TEXTS[place]) for _ in range(10)]
        if not all(np.array_equal(answer, expected[place]) for answer in answers):
            wrong.append(place)

    def index() -> None:
        if not np.array_equal(embedder.embed_documents(TEXTS * 5), np.tile(expected, (5, 1))):
            wrong.append(-1)

    at_once(*(partial(ask, place) for place in range(len(TEXTS))), index, index)
    assert wrong == []


def test_what_the_hook_raises_ends_the_call_and_only_that(model: InstalledModel) -> None:
    calls: list[int] = []

    def before_work() -> None:
        calls.append(1)
        if len(calls) == 5:
            raise KeyError("enough")

    embedder = OnnxEmbedder(model, before_work=before_work)
    with pytest.raises(KeyError, match="enough"):
        embedder.embed_documents([f"{text} {number}" for text in TEXTS for number in range(20)])
    assert len(calls) < 20
    assert embedder.embed_documents(TEXTS).shape == (6, 384)
    embedder.close()


def test_unloading_gives_way_to_opening_again(model: InstalledModel) -> None:
    embedder = OnnxEmbedder(model)
    before = embedder.embed_query(TEXTS[0])
    embedder.unload()
    np.testing.assert_array_equal(embedder.embed_query(TEXTS[0]), before)
    embedder.close()


def test_a_closed_embedder_says_so(model: InstalledModel) -> None:
    embedder = OnnxEmbedder(model)
    embedder.embed_documents(TEXTS)
    embedder.close()
    with pytest.raises(Unavailable, match="closed"):
        embedder.embed_query("x")
    with pytest.raises(Unavailable, match="closed"):
        embedder.embed_documents(["x"])


def test_closing_ends_documents_in_progress(model: InstalledModel) -> None:
    started = threading.Event()
    embedder = OnnxEmbedder(model, before_work=started.set)
    texts = [f"text number {number} " * 40 for number in range(3000)]
    with broken_off(lambda: embedder.embed_documents(texts)):
        assert started.wait(30)
        embedder.close()


def test_a_broken_file_is_reported(model: InstalledModel, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"not a model")
    broken = OnnxEmbedder(replace(model, onnx=tmp_path / "model.onnx"))
    with pytest.raises(Unavailable, match="cannot be opened"):
        broken.embed_query("x")
