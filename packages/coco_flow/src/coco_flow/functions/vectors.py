"""Types of vectors whose length a model decides, and the score of multi-vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from coco_flow.errors import DefinitionError
from coco_flow.types.annotations import Vector

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["max_sim", "multi_vector_type", "vector_type"]


def vector_type(dimension: int) -> Any:
    """Return the annotation of a vector of this length."""
    import numpy as np

    # Type checkers take no variable in these places.
    vector: Any = Vector
    literal: Any = Literal
    return vector[np.float32, literal[dimension]]


def multi_vector_type(dimension: int) -> Any:
    """Return the annotation of many vectors of this length, for tokens or patches."""
    vector: Any = Vector
    return vector[vector_type(dimension)]


def max_sim(
    query: NDArray[np.float32] | Sequence[Sequence[float]],
    document: NDArray[np.float32] | Sequence[Sequence[float]],
) -> float:
    """Return the score of late interaction: for each vector of the query its best match, summed.

    Args:
        query: float32[n, d], the vectors of the query's tokens.
        document: float32[m, d], those of the document's tokens or patches.

    Raises:
        DefinitionError: The vectors have not all one length.
    """
    import numpy as np

    try:
        tokens, patches = np.asarray(query, np.float32), np.asarray(document, np.float32)
    except ValueError as error:
        raise DefinitionError(
            f"A multi-vector has vectors of several lengths: {error}.",
            hint="Embed query and document with one model.",
        ) from error
    if tokens.size == 0 or patches.size == 0:
        return 0.0
    if tokens.ndim != 2 or patches.ndim != 2 or tokens.shape[1] != patches.shape[1]:
        raise DefinitionError(
            f"A query of shape {tokens.shape} has no score with a document of shape "
            f"{patches.shape}.",
            hint="Give two matrices with vectors of one length: embed both with one model.",
        )
    return float((tokens @ patches.T).max(axis=1).sum())
