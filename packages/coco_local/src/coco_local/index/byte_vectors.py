"""Int8 quantization of vectors, with a bound on the error of each score.

A vector v is kept as ``scale * codes`` and the length of what rounding left. By Cauchy and Schwarz
the product of two vectors differs from that of their codes by no more than

    |q - q'| * |v'| + |q| * |v - v'|

so that whoever wants the k best can tell which rows may be among them, and look at those exactly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import simsimd
from numpy.typing import NDArray

from coco_core.types import FloatMatrix, FloatVector

__all__ = ["ByteVectors", "Scan", "encoded", "scan"]

# The largest code; -128 stays unused, so that the codes are symmetric.
_MOST = np.float32(127)

# Rows that are encoded at a time, so that they stay in the processor's cache.
_BLOCK = 512

# What float32 itself loses in the products and lengths below is less than this, relatively.
_ROUNDING = np.float32(1e-5)


@dataclass(frozen=True, slots=True)
class ByteVectors:
    """n vectors of d numbers."""

    codes: NDArray[np.int8]
    """int8[n, d]"""
    scales: NDArray[np.float32]
    """float32[n]: what the codes are multiplied with"""
    lengths: NDArray[np.float32]
    """float32[n]: the length of the rounded vector"""
    residuals: NDArray[np.float32]
    """float32[n]: the length of the difference to the vector itself"""


@dataclass(frozen=True, slots=True)
class Scan:
    """What the codes tell of the products of n rows with a query."""

    products: NDArray[np.float32]
    """float32[n]: about the product"""
    radius: NDArray[np.float32]
    """float32[n]: the exact product is no further away than this"""


def encoded(vectors: FloatMatrix) -> ByteVectors:
    """Round vectors, float32[n, d], to codes."""
    count, dimension = vectors.shape
    codes = np.empty((count, dimension), np.int8)
    scales, lengths, residuals = (np.empty(count, np.float32) for _ in range(3))
    for start in range(0, count, _BLOCK):
        block = slice(start, start + _BLOCK)
        part = vectors[block]
        peaks = np.maximum(part.max(axis=1), -part.min(axis=1))
        # A row of zeros has codes of zero under any scale.
        scale = np.where(peaks > 0, peaks, np.float32(1)) / _MOST
        rounded = np.rint(part / scale[:, None])
        codes[block], scales[block] = rounded, scale
        rounded *= scale[:, None]
        lengths[block] = np.sqrt(np.einsum("ij,ij->i", rounded, rounded))
        rounded -= part
        residuals[block] = np.sqrt(np.einsum("ij,ij->i", rounded, rounded))
    return ByteVectors(codes, scales, lengths, residuals)


def scan(query: FloatVector, vectors: ByteVectors) -> Scan:
    """Return bounds of the products of the query, float32[d], with every row."""
    asked = encoded(query[None])
    # NumPy has no product of bytes that is faster than that of float32; this one adds in int32.
    raw: Any = simsimd.cdist(asked.codes, vectors.codes, "dot")
    products = np.asarray(raw)[0].astype(np.float32)
    products *= vectors.scales * asked.scales
    length = np.sqrt(query @ query)
    radius = asked.residuals * vectors.lengths
    radius += length * vectors.residuals
    radius += _ROUNDING * length * (vectors.lengths + vectors.residuals)
    return Scan(products, radius)
