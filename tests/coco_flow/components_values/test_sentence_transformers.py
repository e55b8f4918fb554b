from __future__ import annotations

import asyncio
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coco_flow import components as coco
from coco_flow.components.ops.sentence_transformers import SentenceTransformerEmbedder
from tests.model_fixture import installed_model, models_root


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> SentenceTransformerEmbedder:
    installed_model()
    monkeypatch.setenv("COCO_EMBED_MODEL_DIR", str(models_root() / "models"))
    return SentenceTransformerEmbedder("sentence-transformers/all-MiniLM-L6-v2")


def test_the_model_of_coco_embeds_without_the_package(
    embedder: SentenceTransformerEmbedder,
) -> None:
    async def main() -> None:
        vectors = await asyncio.gather(
            *(embedder.embed(text) for text in ("a cat sleeps", "a kitten naps", "stock prices"))
        )
        near, far = vectors[0] @ vectors[1], vectors[0] @ vectors[2]
        assert near > 0.5 > far
        assert all(abs(np.linalg.norm(vector) - 1) < 1e-5 for vector in vectors)
        schema = await embedder.__coco_vector_schema__()
        assert (schema.size, schema.dtype) == (384, np.dtype(np.float32))
        with pytest.raises(ValueError, match="There is no prompt 'passage'"):
            await embedder.embed("x", "passage")

    asyncio.run(main())


def test_vectors_are_remembered_across_runs(
    embedder: SentenceTransformerEmbedder, app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[NDArray[np.float32]] = []

    @coco.fn
    async def main() -> None:
        seen.append(await embedder.embed("a cat sleeps"))

    program = app(main)
    program.update_blocking()

    def refuse(self: SentenceTransformerEmbedder) -> None:
        raise AssertionError("the model was asked again")

    monkeypatch.setattr(SentenceTransformerEmbedder, "_get_model", refuse)
    program.update_blocking()
    np.testing.assert_array_equal(seen[0], seen[1])


class Small:
    """A model whose memory holds two texts."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def encode(self, texts: list[str], **_options: Any) -> Sequence[NDArray[np.float32]]:
        self.sizes.append(len(texts))
        if len(texts) > 2:
            raise RuntimeError("CUDA out of memory")
        return [np.array([len(text)], dtype=np.float32) for text in texts]

    def get_sentence_embedding_dimension(self) -> int | None:
        return None


def test_a_batch_that_does_not_fit_is_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Small()
    embedder = SentenceTransformerEmbedder("small")
    monkeypatch.setattr(embedder, "_get_model", lambda: model)
    texts = ["a", "bb", "ccc", "dddd", "eeeee"]

    async def main() -> None:
        vectors = await asyncio.gather(*(embedder.embed(text) for text in texts))
        assert [float(vector[0]) for vector in vectors] == [1, 2, 3, 4, 5]
        with pytest.raises(RuntimeError, match="dimension is unknown for model small"):
            await embedder.dimension()

    asyncio.run(main())
    assert max(model.sizes) > 2


def test_an_embedder_goes_to_another_process_without_its_model() -> None:
    embedder = SentenceTransformerEmbedder("some-model", device="cpu")
    embedder._model = object()  # type: ignore[assignment]
    copy = pickle.loads(pickle.dumps(embedder))
    assert copy._model is None
    assert copy.__coco_memo_key__() == embedder.__coco_memo_key__()
