"""Inputs of ONNX graphs that other programs exported."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from coco_core.errors import InvalidConfig
from coco_embed.session import Session, open_session

__all__ = ["feed", "open_graph"]

Array = NDArray[Any]

# What a text of n tokens is in each input that exporters write. Without padding the mask
# is all ones; the segments differ only where there are two.
_INPUTS: Final[dict[str, Callable[[Sequence[int]], Array]]] = {
    "input_ids": np.asarray,
    "attention_mask": lambda ids: np.ones(len(ids)),
    "token_type_ids": lambda ids: np.zeros(len(ids)),
    "position_ids": lambda ids: np.arange(len(ids)),
}
_SEGMENTS: Final = "token_type_ids"
_TYPES: Final[dict[str, type[np.generic]]] = {
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(float)": np.float32,
    "tensor(bool)": np.bool_,
}


def open_graph(
    path: Path, where: str, *, task: str
) -> tuple[Session, Mapping[str, type[np.generic]]]:
    """Open a graph of texts; returns it and the type of each of its inputs.

    Args:
        path: the graph.
        where: what messages call its model.
        task: for which exporters write such graphs.

    Raises:
        InvalidConfig: it cannot be opened, or wants other input.
    """
    try:
        session = open_session(path)
    except Exception as error:  # ONNX Runtime's exceptions share no other base
        raise InvalidConfig(
            f"The graph {path.name} of {where} cannot be opened: {error}.",
            hint="Export the model again; a large one needs its data file next to it.",
        ) from error
    feeds: dict[str, type[np.generic]] = {}
    for given in session.get_inputs():
        if given.name not in _INPUTS or given.type not in _TYPES:
            raise InvalidConfig(
                f"The graph {path.name} of {where} wants an input {given.name!r} of type "
                f"{given.type}, which a text does not give.",
                hint=f"Export it for {task}; known inputs: {', '.join(_INPUTS)}.",
            )
        if isinstance(length := given.shape[-1] if given.shape else None, int):
            raise InvalidConfig(
                f"The graph {path.name} of {where} takes {length} tokens and no other number.",
                hint="Export the model with dynamic axes.",
            )
        feeds[given.name] = _TYPES[given.type]
    if "input_ids" not in feeds:
        raise InvalidConfig(
            f"The graph {path.name} of {where} has no input 'input_ids'.",
            hint=f"Export it for {task}, from a model of texts.",
        )
    return session, feeds


def feed(
    feeds: Mapping[str, type[np.generic]], ids: Sequence[int], segments: Sequence[int] | None = None
) -> dict[str, Array]:
    """Return the input for one text, or for one pair with the segment of each token."""
    arrays = {name: _INPUTS[name](ids) for name in feeds}
    if segments is not None and _SEGMENTS in arrays:
        arrays[_SEGMENTS] = np.asarray(segments)
    return {name: arrays[name].astype(kind)[None] for name, kind in feeds.items()}
