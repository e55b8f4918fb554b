"""What a cross-encoder computes, as a number from 0 to 1."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["sigmoid"]


def sigmoid(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 1 / (1 + e^-x) of each, without overflow."""
    half: NDArray[np.float64] = np.tanh(0.5 * logits)
    return 0.5 * (1.0 + half)
