"""ONNX Runtime sessions with the options that are fastest for short texts on CPUs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Session", "open_session", "run_one"]

# Only errors: ONNX Runtime warns about hardware it looked for in vain.
_ERROR = 3


class Session(Protocol):
    """What CoCo uses of `onnxruntime.InferenceSession`; many threads may run it at once."""

    def run(self, output_names: Sequence[str], feed: Mapping[str, Any]) -> list[NDArray[Any]]:
        """Run the graph and return the outputs named."""
        ...

    def get_inputs(self) -> Sequence[Any]:
        """Return a description of each input: ``name``, ``type`` and ``shape``."""
        ...

    def get_outputs(self) -> Sequence[Any]:
        """Return a description of each output; its ``name`` is what `run` takes."""
        ...


def open_session(model: Path | bytes) -> Session:
    """Open a session that computes in the calling thread.

    One single-threaded run for each core does about a third more than runs that share the cores.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERROR
    session: Session = onnxruntime.InferenceSession(
        str(model) if isinstance(model, Path) else model,
        options,
        providers=["CPUExecutionProvider"],
        # On CPUs the fused operator is 5 to 7 times slower than the two that it replaces.
        disabled_optimizers=["SkipLayerNormFusion"],
    )
    return session


def run_one(session: Session, ids: Sequence[int]) -> NDArray[np.float32]:
    """Return the embedding of one text's token ids."""
    feed = {"input_ids": np.array([ids], np.int32)}
    embedding: NDArray[np.float32] = session.run(["embedding"], feed)[0][0]
    return embedding
