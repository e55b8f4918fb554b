"""A model whose multi-vectors have two vectors: of the upper and the lower half of an image."""

from __future__ import annotations

from typing import Any, Self

import colors
import numpy as np

_DIMENSION = 128


class _Batch(dict[str, Any]):
    def to(self, device: str) -> _Batch:
        return self


class _Vectors:
    def __init__(self, vectors: Any) -> None:
        self._vectors = vectors

    def to(self, *_: Any) -> _Vectors:
        return self

    def numpy(self) -> Any:
        return self._vectors


class ColPali:
    """Passes on what the processor computed."""

    dim = _DIMENSION

    @classmethod
    def from_pretrained(cls, name: str, **_: Any) -> Self:
        return cls()

    def eval(self) -> Self:
        return self

    def __call__(self, vectors: Any) -> _Vectors:
        return _Vectors(vectors)


class ColPaliProcessor:
    """Computes multi-vectors."""

    @classmethod
    def from_pretrained(cls, name: str, **_: Any) -> Self:
        return cls()

    def process_images(self, images: list[Any]) -> _Batch:
        return _Batch(vectors=np.stack([self._halves(image) for image in images]))

    def process_queries(self, queries: list[str]) -> _Batch:
        rows = [[colors.of_text(word, _DIMENSION) for word in q.split()[:1]] for q in queries]
        return _Batch(vectors=np.array(rows))

    def _halves(self, image: Any) -> Any:
        width, height = image.size
        boxes = (0, 0, width, height // 2), (0, height // 2, width, height)
        return np.stack([colors.of_image(image.crop(box), _DIMENSION) for box in boxes])
