"""Stands in for face_recognition: a face is what is not white."""

from __future__ import annotations

from typing import Any

import colors
import numpy as np
from PIL import Image


def face_locations(image: Any, model: str = "hog") -> list[tuple[int, int, int, int]]:
    """Return top, right, bottom and left of the one face, if there is any."""
    rows, columns = np.nonzero((image < 250).any(axis=2))
    if not len(rows):
        return []
    return [(rows.min(), columns.max() + 1, rows.max() + 1, columns.min())]


def face_encodings(image: Any, known_face_locations: Any = None) -> list[Any]:
    """Return the face's color."""
    return [colors.of_image(Image.fromarray(image), 128).astype(np.float64)]
