"""A model whose multi-vectors have two vectors: of the upper and the lower half of an image."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, Self

import colors
import numpy as np

_DIMENSION = 128


class _Batch(dict[str, Any]):
    def to(self, device: str) -> _Batch:
        return self


class Vectors:
    """As much of a tensor as is asked for."""

    def __init__(self, vectors: Any) -> None:
        self._vectors = vectors

    def to(self, *_: Any) -> Vectors:
        return self

    def cpu(self) -> Vectors:
        return self

    def numpy(self) -> Any:
        return self._vectors

    def tolist(self) -> Any:
        return self._vectors.tolist()

    def __iter__(self) -> Iterator[Vectors]:
        return (Vectors(each) for each in self._vectors)


class ColPali:
    """Passes on what the processor computed."""

    dim = _DIMENSION

    @classmethod
    def from_pretrained(cls, name: str, **_: Any) -> Self:
        return cls()

    def eval(self) -> Self:
        return self

    def to(self, device: str) -> Self:
        return self

    def __call__(self, vectors: Any) -> Vectors:
        return Vectors(vectors)


class ColPaliProcessor:
    """Computes multi-vectors."""

    @classmethod
    def from_pretrained(cls, name: str, **_: Any) -> Self:
        return cls()

    def process_images(self, images: list[Any]) -> _Batch:
        return _Batch(vectors=np.stack([self._halves(image) for image in images]))

    tokenizer = SimpleNamespace(padding_side="right")

    def process_queries(self, texts: list[str]) -> _Batch:
        rows = [[colors.of_text(word, _DIMENSION) for word in q.split()[:1]] for q in texts]
        return _Batch(vectors=np.array(rows))

    def _halves(self, image: Any) -> Any:
        width, height = image.size
        boxes = (0, 0, width, height // 2), (0, height // 2, width, height)
        return np.stack([colors.of_image(image.crop(box), _DIMENSION) for box in boxes])


ColQwen2 = ColPali
ColQwen2Processor = ColPaliProcessor
