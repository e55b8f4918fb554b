from __future__ import annotations

import sysconfig
from pathlib import Path

import numpy as np
import pytest

from coco_core.errors import Unavailable, Unreadable
from coco_core.types import FloatMatrix
from coco_embed.accuracy_check import CHECK_WINDOW, measure_accuracy
from coco_embed.calibration import CALIBRATION_TEXTS, CHECK_TEXTS
from coco_embed.convert import convert
from coco_embed.graph import build_graph
from coco_embed.int8_overflow import weight_limit
from coco_embed.quantize import quantized_graph
from coco_embed.safetensors import Weights, read_safetensors
from coco_embed.session import Session, open_session, run_one
from coco_embed.store import InstalledModel
from coco_embed.tokenizer import WordPieces
from tests.programs import python

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(official: Path) -> Weights:
    return read_safetensors(official / "model.safetensors")


@pytest.fixture(scope="module")
def words(official: Path) -> WordPieces:
    return WordPieces(official / "tokenizer.json")


@pytest.fixture(scope="module")
def float_session(weights: Weights) -> Session:
    return open_session(build_graph(weights).model().SerializeToString())


def real_texts(count: int) -> list[str]:
    """Pieces of the standard library: none of our own texts, which calibration has seen."""
    folder = Path(sysconfig.get_path("stdlib"))
    texts = []
    for path in sorted(folder.glob("*.py"))[:count]:
        content = path.read_text(encoding="utf-8", errors="replace")
        middle = len(content) // 2
        texts.append(f"{path.name}\n{content[middle : middle + 600]}")
    return texts


def vectors(session: Session, rows: list[list[int]]) -> FloatMatrix:
    return np.vstack([run_one(session, row) for row in rows])


def test_the_float_graph_gives_published_vectors(float_session: Session, words: WordPieces) -> None:
    # What sentence-transformers prints for its own first example.
    published = [0.06765687, 0.06349586, 0.04871308, 0.07930492, 0.037448, 0.0026528]
    [row] = words.ids(["This is an example sentence"], CHECK_WINDOW)
    np.testing.assert_allclose(run_one(float_session, row)[:6], published, atol=1e-5)


def test_int8_agrees_with_float_on_real_texts(
    model: InstalledModel, float_session: Session, words: WordPieces
) -> None:
    rows = words.ids(real_texts(60), CHECK_WINDOW)
    expected = vectors(float_session, rows)
    found = vectors(open_session(model.onnx), rows)
    cosines = (expected * found).sum(axis=1)
    assert cosines.mean() >= 0.995
    assert cosines.min() >= 0.98
    # The order of neighbours matters more than the vectors.
    best, same = (expected @ expected.T).argsort(axis=1), (found @ found.T).argsort(axis=1)
    overlap = [len(set(a[-11:]) & set(b[-11:])) / 11 for a, b in zip(best, same, strict=True)]
    assert np.mean(overlap) >= 0.93


def test_seven_bit_weights_for_older_processors_agree_too(
    official: Path, weights: Weights, words: WordPieces, float_session: Session, tmp_path: Path
) -> None:
    rows = words.ids(real_texts(30), CHECK_WINDOW)
    narrow = open_session(quantized_graph(weights, {}, 63).SerializeToString())
    cosines = (vectors(float_session, rows) * vectors(narrow, rows)).sum(axis=1)
    assert cosines.mean() >= 0.985


def test_the_processor_is_found_to_saturate_or_not() -> None:
    assert weight_limit() in {127, 63}


def test_conversions_are_all_equal(model: InstalledModel, official: Path, tmp_path: Path) -> None:
    conversion = convert(official / "model.safetensors", official / "tokenizer.json", tmp_path)
    assert conversion == model.manifest.conversion
    assert (tmp_path / "model.onnx").read_bytes() == model.onnx.read_bytes()


def test_a_model_that_does_not_agree_is_refused(
    model: InstalledModel, official: Path, weights: Weights, tmp_path: Path
) -> None:
    damaged = dict(weights)
    name = "encoder.layer.3.output.dense.weight"
    damaged[name] = damaged[name][::-1]
    path = tmp_path / "model.onnx"
    path.write_bytes(quantized_graph(damaged, {}, 127).SerializeToString())
    with pytest.raises(Unavailable, match="does not agree"):
        measure_accuracy(path, model.tokenizer, model.directory / "check.npy")


def test_check_texts_are_not_calibrated_on() -> None:
    assert not set(CHECK_TEXTS) & set(CALIBRATION_TEXTS)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff" * 100,
        b"\x02\0\0\0\0\0\0\0{}",
        b"\x02\0\0\0\0\0\0\0[]",
        b"\x03" + b"\0" * 7 + b"nul",
    ],
)
def test_a_file_that_is_not_safetensors_is_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(content)
    if content.endswith(b"{}"):
        assert read_safetensors(path) == {}
        return
    with pytest.raises(Unreadable, match="is not a safetensors file"):
        read_safetensors(path)


def test_importing_the_embedder_loads_no_runtime() -> None:
    modules = "coco_embed.onnx, coco_embed.provision, coco_embed.http"
    output = python(f"import {modules}, sys; print(*sys.modules)").split()
    assert not {"onnx", "onnxruntime", "httpx", "tokenizers"} & set(output)
