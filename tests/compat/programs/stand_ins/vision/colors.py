"""A model that sees nothing but colors: the mean of an image, and the colors named in a text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "white": (255,) * 3}


def of_image(image: Any, dimension: int) -> NDArray[np.float32]:
    """Return the vector of an image."""
    return _vector(np.asarray(image.convert("RGB"), np.float32).reshape(-1, 3).mean(0), dimension)


def of_text(text: str, dimension: int) -> NDArray[np.float32]:
    """Return the vector of a text."""
    named = [color for name, color in _COLORS.items() if name in text.lower()]
    return _vector(np.mean(named or [(1, 1, 1)], axis=0), dimension)


def _vector(color: Any, dimension: int) -> NDArray[np.float32]:
    vector = np.zeros(dimension, np.float32)
    vector[:3] = color
    vector[3] = 1
    return vector / np.float32(np.linalg.norm(vector))
