"""Quantization to int8: per-channel weights, dynamic activations, smoothed outliers.

Activations are quantised at run time with one scale for a whole tensor, so that a single channel
with large values costs every other channel its precision. Smoothing moves that range into the
weights, which have a scale for each output: ``x @ W == (x / s) @ (s * W)`` with a factor ``s`` for
each input channel (SmoothQuant, Xiao et al. 2022).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from coco_embed.graph import MICROSOFT, GraphBuilder, build_graph, float_linear
from coco_embed.safetensors import Weights

if TYPE_CHECKING:
    from onnx import ModelProto

__all__ = ["Smoothing", "observed_graph", "quantized_graph", "smoothing_factors"]

Array: TypeAlias = NDArray[Any]
Smoothing: TypeAlias = Mapping[str, NDArray[np.float32]]
"""Factors for each input channel, by the name of the linear layer."""

# The share of an activation's range that moves into the weights. Of 0.5, 0.6, 0.7, 0.75, 0.8 and
# 0.9 this agreed best with the float model on functions outside the calibration (cosine 0.998
# mean, 0.996 minimum; 0.994 and 0.989 without smoothing).
_STRENGTH = 0.7
# Smoothing the attention's output too gains nothing (0.9978 either way) and costs a pass over it.
_UNSMOOTHED = ".out"
# Keeps a channel that is zero in every text, or has no weights, out of divisions by zero.
_TINY = 1e-5
# A row or column of zeros still needs a scale above zero.
_LEAST_SCALE = 1e-12


def observed_graph(weights: Weights) -> ModelProto:
    """Return the float model, which also puts out the range of every linear layer's inputs."""
    ranges: dict[str, tuple[str, int]] = {}

    def watched(builder: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
        axes = builder.constant("axes.0.1", np.array([0, 1], np.int64))
        absolute = builder.add("Abs", [x])
        ranges[name] = builder.add("ReduceMax", [absolute, axes], keepdims=0), weight.shape[0]
        return float_linear(builder, name, x, weight, bias)

    graph = build_graph(weights, watched)
    for name, (source, width) in ranges.items():
        graph.output(name, source, [width])
    return graph.model()


def smoothing_factors(weights: Weights, ranges: Mapping[str, Array]) -> Smoothing:
    """Return the factor of each input channel from its range, averaged over the calibration texts.

    Factors are rounded to powers of two: dividing by them is exact, and processors whose float sums
    differ in the last bits still build the same model, byte for byte.
    """
    factors: dict[str, NDArray[np.float32]] = {}

    def collect(builder: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
        if name.endswith(_UNSMOOTHED):
            return float_linear(builder, name, x, weight, bias)
        activation = np.maximum(ranges[name], _TINY)
        strength = np.maximum(np.abs(weight).max(axis=1), _TINY)
        exact = activation**_STRENGTH / strength ** (1 - _STRENGTH)
        factors[name] = np.exp2(np.rint(np.log2(exact))).astype(np.float32)
        return float_linear(builder, name, x, weight, bias)

    build_graph(weights, collect)
    return factors


def quantized_graph(weights: Weights, smoothing: Smoothing, limit: int) -> ModelProto:
    """Return the int8 model; ``limit`` is the largest weight code (`saturation.weight_limit`)."""

    def linear(builder: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
        factor = smoothing.get(name)
        if factor is not None:
            inverse = builder.constant(f"{name}.smooth", (1 / factor).astype(np.float32))
            x = builder.add("Mul", [x, inverse])
            weight = weight * factor[:, None]
        codes, scales = _quantize(weight, axis=0, limit=limit)
        inputs = [
            x,
            builder.constant(f"{name}.weight", codes),
            builder.constant(f"{name}.scale", scales),
            builder.constant(f"{name}.zero", np.zeros(len(scales), np.int8)),
            builder.constant(f"{name}.bias", bias),
        ]
        return builder.add("DynamicQuantizeMatMul", inputs, domain=MICROSOFT)

    return build_graph(weights, linear, _int8_table).model()


def _int8_table(builder: GraphBuilder, name: str, ids: str, rows: Array) -> str:
    codes, scales = _quantize(rows, axis=1, limit=127)
    found = builder.add("Gather", [builder.constant(f"{name}.codes", codes), ids])
    factor = builder.add("Gather", [builder.constant(f"{name}.scale", scales[:, None]), ids])
    return builder.add("Mul", [builder.add("Cast", [found], to=1), factor])


def _quantize(values: Array, axis: int, limit: int) -> tuple[NDArray[np.int8], Array]:
    """Return symmetric int8 codes and the scales along the other axis."""
    scales = np.maximum(np.abs(values).max(axis=axis), _LEAST_SCALE) / limit
    spread = np.expand_dims(scales, axis)
    codes = np.clip(np.rint(values / spread), -limit, limit).astype(np.int8)
    return codes, scales.astype(np.float32)
