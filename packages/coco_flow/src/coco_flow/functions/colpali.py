"""Functions that embed page images, and queries for them, with ColVision models.

The models run in the package colpali-engine, on torch. Their vectors are multi-vectors, one vector
for each patch of an image or token of a query, and are compared by `coco_flow.functions.max_sim`.
"""

from __future__ import annotations

import functools
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coco_core.errors import Unreadable
from coco_flow.errors import DefinitionError, missing_extra
from coco_flow.functions.vectors import multi_vector_type
from coco_flow.op.definition import executor_class
from coco_flow.op.spec import FunctionSpec

__all__ = [
    "ColPaliEmbedImage",
    "ColPaliEmbedImageExecutor",
    "ColPaliEmbedQuery",
    "ColPaliEmbedQueryExecutor",
]

_LARGEST_BATCH = 32

# Beginnings of models' names, without their owner, and the classes of colpali-engine that read
# them; the longer beginning comes first.
_FAMILIES = (
    ("colqwen2.5", "ColQwen2_5", "ColQwen2_5_Processor"),
    ("colqwen", "ColQwen2", "ColQwen2Processor"),
    ("colsmol", "ColIdefics3", "ColIdefics3Processor"),
    ("colpali", "ColPali", "ColPaliProcessor"),
)


class ColPaliEmbedImage(FunctionSpec):
    """Embeds an image, such as a page of a document, as a multi-vector.

    Attributes:
        model: A model of colpali-engine, such as ``vidore/colpali-v1.2``.
    """

    model: str


class ColPaliEmbedQuery(FunctionSpec):
    """Embeds a query for images that `ColPaliEmbedImage` embedded with the same model.

    Attributes:
        model: The model of the images.
    """

    model: str


@executor_class(
    gpu=True, cache=True, behavior_version=1, batching=True, max_batch_size=_LARGEST_BATCH
)
class ColPaliEmbedImageExecutor:
    """Runs `ColPaliEmbedImage`."""

    spec: ColPaliEmbedImage
    _model: _VisionModel

    def analyze(self) -> Any:
        """Open the model and return the type of its multi-vectors."""
        self._model = _open(self.spec.model)
        return multi_vector_type(self._model.dimension)

    def __call__(self, img_bytes_list: list[bytes]) -> list[Any]:
        """Return the multi-vectors of the images.

        Raises:
            Unreadable: One is no image that can be read.
        """
        images = [_read_image(content) for content in img_bytes_list]
        return self._model.embed(self._model.processor.process_images, images)


@executor_class(
    gpu=True, cache=True, behavior_version=1, batching=True, max_batch_size=_LARGEST_BATCH
)
class ColPaliEmbedQueryExecutor:
    """Runs `ColPaliEmbedQuery`."""

    spec: ColPaliEmbedQuery
    _model: _VisionModel

    def analyze(self) -> Any:
        """Open the model and return the type of its multi-vectors."""
        self._model = _open(self.spec.model)
        return multi_vector_type(self._model.dimension)

    def __call__(self, queries: list[str]) -> list[Any]:
        """Return the multi-vectors of the queries."""
        return self._model.embed(self._model.processor.process_queries, queries)


@dataclass(frozen=True, slots=True)
class _VisionModel:
    """A model with its processor, on its device."""

    model: Any
    processor: Any
    device: str
    dimension: int

    def embed(self, process: Callable[[Any], Any], inputs: Sequence[Any]) -> list[Any]:
        import torch

        batch = process(list(inputs)).to(self.device)
        with torch.no_grad():
            vectors = self.model(**batch)
        return [list(each) for each in vectors.to("cpu", torch.float32).numpy()]


@functools.cache
def _open(name: str) -> _VisionModel:
    """Open a model, once for images and queries."""
    try:
        import colpali_engine.models
        import torch
    except ImportError as error:
        raise missing_extra("Embedding of page images", "colpali-engine", "colpali") from error
    short = name.rpartition("/")[2].lower()
    family = next((each for each in _FAMILIES if short.startswith(each[0])), _FAMILIES[-1])
    device = "cuda" if torch.cuda.is_available() else "cpu"
    model_class = getattr(colpali_engine.models, family[1])
    processor_class = getattr(colpali_engine.models, family[2])
    # Processors without a GPU compute slowly in bfloat16, if at all.
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    try:
        model = model_class.from_pretrained(name, torch_dtype=dtype, device_map=device).eval()
        processor = processor_class.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise DefinitionError(
            f"colpali-engine cannot open the model {name!r}: {error}",
            hint="Check the name; without network, pass a folder's path.",
        ) from error
    return _VisionModel(model, processor, device, int(model.dim))


def _read_image(content: bytes) -> Any:
    from PIL import Image

    try:
        return Image.open(io.BytesIO(content)).convert("RGB")
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise Unreadable(
            f"The image cannot be read: {error}.", hint="Convert it to PNG or JPEG."
        ) from error
