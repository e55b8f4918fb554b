"""Pooling of ONNX graphs that other programs exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from coco_core.errors import InvalidConfig, Unavailable
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.graph_inputs import feed, open_graph
from coco_embed.runtime import Network
from coco_embed.session import Session

__all__ = ["open_pooled"]

# Of several outputs of a kind the first that is here, else the first of all.
_POOLED_NAMES: Final = ("sentence_embedding", "sentence_embeddings", "embedding", "text_embeds")
_TOKEN_NAMES: Final = ("last_hidden_state", "token_embeddings")
# The state of the first token after a layer that was trained for another task; it is an embedding
# only where a model gives nothing else.
_NOT_POOLED: Final = frozenset({"pooler_output"})
_USUAL: Final = "mean"
# Three tokens tell a row for each token from one for the text; every vocabulary has a first word.
_TRIAL: Final = (0, 0, 0)
# Blank text has no token where a model puts none around it; it is to have some vector.
_BLANK: Final = (0,)


def _weighted_mean(tokens: FloatMatrix) -> FloatVector:
    weights = np.arange(1, len(tokens) + 1, dtype=np.float32)
    mean: FloatVector = weights @ tokens / weights.sum()
    return mean


_POOLINGS: Final[dict[str, Callable[[FloatMatrix], FloatVector]]] = {
    "mean": lambda tokens: tokens.mean(axis=0),
    "cls": lambda tokens: tokens[0],
    "last": lambda tokens: tokens[-1],
    "max": lambda tokens: tokens.max(axis=0),
    "weighted_mean": _weighted_mean,
}


def open_pooled(
    path: Path,
    *,
    where: str,
    pooling: str | None,
    beyond: Sequence[str],
    dimension: int | None,
) -> Network:
    """Open a graph and try it with three tokens.

    Args:
        path: the graph.
        where: what messages call it.
        pooling: one of `coco_embed.custom_models.POOLINGS`; None is what its outputs suggest.
        beyond: modules that would have to follow the pooling, and that nobody here has.
        dimension: what the vectors should have, if that was said.

    Raises:
        InvalidConfig: it cannot be opened, wants other input, or gives no vectors.
    """
    session, feeds = open_graph(path, where, task="feature-extraction")
    names = [output.name for output in session.get_outputs()]
    try:
        arrays = session.run(names, feed(feeds, _TRIAL))
    except Exception as error:  # as above
        raise InvalidConfig(
            f"The graph {path.name} of {where} cannot be run on three tokens: {error}.",
            hint="Export the model with dynamic axes, for feature-extraction.",
        ) from error
    shapes = {name: np.shape(array) for name, array in zip(names, arrays, strict=True)}
    output, pool = _choose(shapes, pooling, where, beyond)
    found = shapes[output][-1]
    if dimension not in (None, found):
        raise InvalidConfig(
            f"The graph {path.name} of {where} gives vectors of {found} numbers, "
            f"not of the {dimension} that are registered.",
            hint=f"Set dimension to {found}, or leave it out.",
        )
    return _PooledNetwork(session, feeds, output, pool, found, where)


@dataclass(frozen=True, slots=True)
class _PooledNetwork:
    session: Session
    feeds: Mapping[str, type[np.generic]]
    output: str
    pool: Callable[[FloatMatrix], FloatVector] | None
    dimension: int
    where: str

    def run(self, ids: Sequence[int]) -> FloatVector:
        result = self.session.run([self.output], feed(self.feeds, ids or _BLANK))[0][0]
        # Half-precision graphs give half-precision numbers, whose sums would overflow.
        numbers = result.astype(np.float32, copy=False)
        vector = numbers if self.pool is None else self.pool(numbers)
        length = float(np.linalg.norm(vector))
        if not np.isfinite(length) or length == 0:
            raise Unavailable(f"The model {self.where} gave a vector without direction.")
        unit: FloatVector = vector / np.float32(length)
        return unit


def _choose(
    shapes: Mapping[str, tuple[int, ...]], pooling: str | None, where: str, beyond: Sequence[str]
) -> tuple[str, Callable[[FloatMatrix], FloatVector] | None]:
    """Return the output to read, and what makes one vector of it unless it is one."""
    pooled = [name for name, shape in shapes.items() if len(shape) == 2 and shape[0] == 1]
    tokens = [name for name, shape in shapes.items() if shape[:2] == (1, len(_TRIAL))]
    tokens = [name for name in tokens if len(shapes[name]) == 3]
    finished = [name for name in pooled if name not in _NOT_POOLED] or (
        pooled if not tokens else []
    )
    if pooling in (None, "none") or beyond:
        if finished:
            return _preferred(finished, _POOLED_NAMES), None
        if beyond or pooling == "none":
            why = f"has the modules {', '.join(beyond)}" if beyond else "is to pool by itself"
            raise _no_output(
                where, why, shapes, "Export it as a whole, with one vector for a text."
            )
    if not tokens:
        if finished:
            return _preferred(finished, _POOLED_NAMES), None
        raise _no_output(where, "gives no vectors", shapes, "Export it for feature-extraction.")
    return _preferred(tokens, _TOKEN_NAMES), _POOLINGS[pooling or _USUAL]


def _preferred(names: Sequence[str], order: Sequence[str]) -> str:
    return next((name for name in order if name in names), names[0])


def _no_output(
    where: str, why: str, shapes: Mapping[str, tuple[int, ...]], hint: str
) -> InvalidConfig:
    listed = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
    return InvalidConfig(f"The model {where} {why}, but its outputs are {listed}.", hint=hint)
