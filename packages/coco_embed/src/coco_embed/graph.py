"""Build the ONNX graph of all-MiniLM-L6-v2 from its weights, for batches without padding.

Input ``input_ids`` int32[batch, length], every row of the same length; output ``embedding``
float32[batch, 384], mean-pooled and L2-normalised. Without padding no mask is needed, which lets
ONNX Runtime use its flash attention.

Two choices follow from measurement on CPUs: ``Add`` + ``LayerNormalization`` instead of ONNX
Runtime's ``SkipLayerNormalization`` (several times slower), and one product for query, key and
value instead of three. How a linear layer and the embedding table are stored is left to the two
functions given, so that the float and the int8 model share this one description.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from coco_embed.safetensors import Weights

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

__all__ = [
    "DIMENSION",
    "LAYERS",
    "MAX_POSITIONS",
    "MICROSOFT",
    "GraphBuilder",
    "Linear",
    "Table",
    "build_graph",
    "float_linear",
    "float_table",
]

# The architecture of all-MiniLM-L6-v2, from its config.json.
LAYERS = 6
DIMENSION = 384
MAX_POSITIONS = 512
_HEADS = 12
_EPSILON = 1e-12

# Domain of ONNX Runtime's own operators (MultiHeadAttention, DynamicQuantizeMatMul).
MICROSOFT = "com.microsoft"
# Gelu came with opset 20; ONNX Runtime reads it since 1.17, as it does IR version 9.
_OPSET = 20
_IR_VERSION = 9

Array: TypeAlias = NDArray[Any]


class GraphBuilder:
    """Collects nodes and constants; every method returns the name of what it added."""

    def __init__(self) -> None:
        self._nodes: list[NodeProto] = []
        self._constants: dict[str, TensorProto] = {}
        self._outputs: list[tuple[str, list[int | str]]] = []

    def constant(self, name: str, value: Array) -> str:
        """Add a constant tensor, once for each name."""
        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def add(self, operator: str, inputs: Sequence[str], *, domain: str = "", **attrs: Any) -> str:
        """Add a node with one output."""
        return self.split(operator, inputs, 1, domain=domain, **attrs)[0]

    def split(
        self, operator: str, inputs: Sequence[str], count: int, *, domain: str = "", **attrs: Any
    ) -> list[str]:
        """Add a node with ``count`` outputs."""
        stem = f"{operator}_{len(self._nodes)}"
        outputs = [f"{stem}.{index}" for index in range(count)]
        self._nodes.append(
            helper.make_node(operator, inputs, outputs, name=stem, domain=domain, **attrs)
        )
        return outputs

    def output(self, name: str, source: str, shape: list[int | str]) -> None:
        """Make ``source`` a float output of the graph called ``name``."""
        self._nodes.append(helper.make_node("Identity", [source], [name], name=f"output.{name}"))
        self._outputs.append((name, shape))

    def model(self) -> ModelProto:
        """Return the finished model."""
        ids = helper.make_tensor_value_info("input_ids", TensorProto.INT32, ["batch", "length"])
        outputs = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in self._outputs
        ]
        graph = helper.make_graph(
            self._nodes, "all-MiniLM-L6-v2", [ids], outputs, list(self._constants.values())
        )
        opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(MICROSOFT, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)


Linear: TypeAlias = Callable[[GraphBuilder, str, str, Array, Array], str]
"""Adds ``x @ weight + bias``: (builder, layer name, x, weight[in, out], bias) -> output name."""

Table: TypeAlias = Callable[[GraphBuilder, str, str, Array], str]
"""Adds a look-up of rows: (builder, table name, ids, rows) -> output name."""


def float_linear(builder: GraphBuilder, name: str, x: str, weight: Array, bias: Array) -> str:
    """Add a linear layer in float32."""
    product = builder.add("MatMul", [x, builder.constant(f"{name}.weight", weight)])
    return builder.add("Add", [product, builder.constant(f"{name}.bias", bias)])


def float_table(builder: GraphBuilder, name: str, ids: str, rows: Array) -> str:
    """Add an embedding table in float32."""
    return builder.add("Gather", [builder.constant(name, rows), ids])


def build_graph(
    weights: Weights, linear: Linear = float_linear, table: Table = float_table
) -> GraphBuilder:
    """Return the builder with the whole network and its output ``embedding``."""
    builder = GraphBuilder()
    x = _embeddings(builder, weights, table)
    for index in range(LAYERS):
        x = _layer(builder, weights, linear, index, x)
    axis = builder.constant("axis.1", np.array([1], np.int64))
    mean = builder.add("ReduceMean", [x, axis], keepdims=0)
    unit = builder.add("LpNormalization", [mean], axis=-1, p=2)
    builder.output("embedding", unit, ["batch", DIMENSION])
    return builder


def _embeddings(builder: GraphBuilder, weights: Weights, table: Table) -> str:
    words = table(builder, "words", "input_ids", weights["embeddings.word_embeddings.weight"])
    # The token type is always 0 here, so that its row is part of every position.
    positions = (
        weights["embeddings.position_embeddings.weight"][:MAX_POSITIONS]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    axis = builder.constant("axis.0", np.array([0], np.int64))
    length = builder.add("Shape", ["input_ids"], start=1, end=2)
    here = builder.add("Slice", [builder.constant("positions", positions), axis, length, axis])
    return _normalized(builder, weights, "embeddings.LayerNorm", builder.add("Add", [words, here]))


def _layer(builder: GraphBuilder, weights: Weights, linear: Linear, index: int, x: str) -> str:
    layer = f"encoder.layer.{index}"
    parts = [f"{layer}.attention.self.{part}" for part in ("query", "key", "value")]
    fused = np.concatenate([weights[f"{part}.weight"].T for part in parts], axis=1)
    bias = np.concatenate([weights[f"{part}.bias"] for part in parts])
    qkv = linear(builder, f"{index}.qkv", x, fused, bias)
    heads = builder.split("Split", [qkv], 3, axis=-1, num_outputs=3)
    mixed = builder.add("MultiHeadAttention", heads, domain=MICROSOFT, num_heads=_HEADS)

    def dense(name: str, source: str, key: str) -> str:
        return linear(
            builder,
            name,
            source,
            weights[f"{layer}.{key}.weight"].T,
            weights[f"{layer}.{key}.bias"],
        )

    attended = dense(f"{index}.out", mixed, "attention.output.dense")
    added = builder.add("Add", [x, attended])
    x = _normalized(builder, weights, f"{layer}.attention.output.LayerNorm", added)
    inner = builder.add("Gelu", [dense(f"{index}.up", x, "intermediate.dense")])
    fed = dense(f"{index}.down", inner, "output.dense")
    added = builder.add("Add", [x, fed])
    return _normalized(builder, weights, f"{layer}.output.LayerNorm", added)


def _normalized(builder: GraphBuilder, weights: Weights, name: str, x: str) -> str:
    scale = builder.constant(f"{name}.weight", weights[f"{name}.weight"])
    shift = builder.constant(f"{name}.bias", weights[f"{name}.bias"])
    return builder.add("LayerNormalization", [x, scale, shift], axis=-1, epsilon=_EPSILON)
