"""The table in the package: unit vectors in the model's space, with or without the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from coco_core.errors import Unreadable
from coco_core.types import FloatMatrix
from coco_embed.onnx import OnnxEmbedder
from coco_embed.static import StaticEmbedder, StaticTable, bag
from coco_embed.store import InstalledModel
from coco_embed.tokenizer import WordPieces

TEXTS = [
    "shop cart | Cart total_price\ndef total price(self):\n    return sum(i.price for i in items)",
    "net retry | retry\nfn retry(mut attempts: u32) -> Result<Response, Error> { loop { } }",
    "docs guide | Installation > Windows\nRun the installer and open a new terminal.",
    "open a file and read its lines",
]


@pytest.fixture(scope="module")
def static() -> StaticEmbedder:
    return StaticEmbedder()


@pytest.fixture(scope="module")
def vectors(static: StaticEmbedder) -> FloatMatrix:
    return static.embed_documents(TEXTS)


def small_table() -> StaticTable:
    return StaticTable(
        vocabulary=("[UNK]", "read", "file", "##s"),
        pieces=np.array([1, 2], np.uint16),
        rows=np.array([[127, 0], [0, -127]], np.int8),
        scales=np.array([0.5, 0.25], np.float16),
        mean=np.array([1.0, 2.0], np.float32),
        spread=1.5,
        shift=np.array([0.0, 0.25], np.float32),
        name="small",
    )


def test_vectors_have_the_models_dimension_and_length_one(
    static: StaticEmbedder, vectors: FloatMatrix
) -> None:
    assert vectors.shape == (len(TEXTS), 384) == (len(TEXTS), static.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    np.testing.assert_array_equal(static.embed_query(TEXTS[3]), vectors[3])


@pytest.mark.parametrize("text", ["", "   \n", "\0", "\ud800", "\U0001f980"])
def test_a_text_without_known_pieces_gets_the_mean(static: StaticEmbedder, text: str) -> None:
    vector = static.embed_documents([text])
    assert np.isfinite(vector).all()
    np.testing.assert_allclose(np.linalg.norm(vector), 1.0, atol=1e-5)


def test_no_text_gives_no_vector(static: StaticEmbedder) -> None:
    assert static.embed_documents([]).shape == (0, 384)


def test_vectors_lie_where_a_model_puts_them(vectors: FloatMatrix, embedder: OnnxEmbedder) -> None:
    real = embedder.embed_documents(TEXTS)
    assert (vectors * real).sum(axis=1).mean() > 0.7
    # The model's own query finds among static vectors what it finds among its own.
    query = embedder.embed_query("how much does the basket cost")
    assert int(np.argmax(vectors @ query)) == int(np.argmax(real @ query)) == 0


def test_pieces_are_the_models_own(static: StaticEmbedder, model: InstalledModel) -> None:
    texts = [*TEXTS, "Ünïcödé naïve 日本語 x²", "a" * 300, "<html>&nbsp;</html> // TODO(x): …"]
    table = StaticTable.load()
    ours = WordPieces.of_vocabulary(table.vocabulary).pieces(texts, 126)
    official = WordPieces(model.tokenizer).ids(texts, 128)
    assert ours == [ids[1:-1] for ids in official]


def test_a_vector_is_what_the_fit_says(tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    small_table().save(path)
    vector = StaticEmbedder(path).embed_query("Read file, read files")
    # "read" twice, "file" twice, and "##s", which has no row.
    shares = np.log1p([2.0, 2.0])
    shares /= np.linalg.norm(shares)
    expected = np.array([1.0, 2.0]) + shares @ np.array([[63.5, 0.0], [0.0, -31.75]])
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(vector, expected, rtol=1e-5)
    calibrated = StaticEmbedder(path).calibrated(vector[None])
    np.testing.assert_allclose(calibrated[0], 1.5 * expected + [0.0, 0.25], rtol=1e-5)


def test_a_bag_leaves_out_what_has_no_row() -> None:
    found, shares = bag([0, 2, 1, 2, 0], np.array([False, True, True]))
    assert found.tolist() == [1, 2]
    np.testing.assert_allclose(np.linalg.norm(shares), 1.0, rtol=1e-6)
    assert shares[1] > shares[0]


def test_a_table_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "small.npz"
    table = small_table()
    table.save(path)
    loaded = StaticTable.load(path)
    assert (loaded.name, loaded.vocabulary) == (table.name, table.vocabulary)
    for field in ("pieces", "rows", "scales", "mean", "spread", "shift"):
        np.testing.assert_array_equal(getattr(loaded, field), getattr(table, field))


def test_a_damaged_table_is_told(tmp_path: Path) -> None:
    path = tmp_path / "damaged.npz"
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(Unreadable, match="not a static table"):
        StaticEmbedder(path).embed_query("anything")
    with pytest.raises(Unreadable):
        StaticTable.load(tmp_path / "absent.npz")
