"""The float model as exporters write it: standard operators, a mask, input padded with 0."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from coco_embed.graph import LAYERS, GraphBuilder, float_linear, float_table
from coco_embed.safetensors import Weights, read_safetensors

HEADS, WIDTH = 12, 32


def masked_graph(weights_path: Path) -> bytes:
    weights = read_safetensors(weights_path)
    builder = GraphBuilder()
    zero = builder.constant("pad", np.array(0, np.int32))
    absent = builder.add("Equal", ["input_ids", zero])
    present = builder.add("Cast", [builder.add("Not", [absent])], to=1)
    bias = builder.add(
        "Unsqueeze",
        [
            builder.add(
                "Mul",
                [
                    builder.add("Cast", [absent], to=1),
                    builder.constant("low", np.array(-1e9, np.float32)),
                ],
            ),
            builder.constant("axes", np.array([1, 2], np.int64)),
        ],
    )
    words = float_table(builder, "words", "input_ids", weights["embeddings.word_embeddings.weight"])
    positions = (
        weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    axis = builder.constant("axis", np.array([0], np.int64))
    length = builder.add("Shape", ["input_ids"], start=1, end=2)
    here = builder.add("Slice", [builder.constant("positions", positions), axis, length, axis])
    x = norm(builder, weights, "embeddings.LayerNorm", builder.add("Add", [words, here]))
    for index in range(LAYERS):
        x = layer(builder, weights, index, x, bias)
    last = builder.constant("axis.last", np.array([-1], np.int64))
    masked = builder.add("Mul", [x, builder.add("Unsqueeze", [present, last])])
    total = builder.add("ReduceSum", [masked, builder.constant("one", np.array([1]))], keepdims=0)
    # The division by the number of tokens cancels out with the norm.
    builder.output(
        "embedding", builder.add("LpNormalization", [total], axis=-1, p=2), ["batch", 384]
    )
    return builder.model().SerializeToString()


def layer(builder: GraphBuilder, weights: Weights, index: int, x: str, bias: str) -> str:
    root = f"encoder.layer.{index}"

    def dense(key: str, source: str) -> str:
        weight, shift = weights[f"{root}.{key}.weight"].T, weights[f"{root}.{key}.bias"]
        return float_linear(builder, f"{index}.{key}", source, weight, shift)

    split = builder.constant("split", np.array([0, 0, HEADS, WIDTH]))
    join = builder.constant("join", np.array([0, 0, HEADS * WIDTH]))
    query, key, value = (
        builder.add("Reshape", [dense(f"attention.self.{part}", x), split])
        for part in ("query", "key", "value")
    )
    query = builder.add("Transpose", [query], perm=[0, 2, 1, 3])
    key = builder.add("Transpose", [key], perm=[0, 2, 3, 1])
    value = builder.add("Transpose", [value], perm=[0, 2, 1, 3])
    scale = builder.constant("scale", np.array(WIDTH**-0.5, np.float32))
    scores = builder.add("Mul", [builder.add("MatMul", [query, key]), scale])
    shares = builder.add("Softmax", [builder.add("Add", [scores, bias])], axis=-1)
    mixed = builder.add("Transpose", [builder.add("MatMul", [shares, value])], perm=[0, 2, 1, 3])
    mixed = builder.add("Reshape", [mixed, join])
    x = builder.add("Add", [x, dense("attention.output.dense", mixed)])
    x = norm(builder, weights, f"{root}.attention.output.LayerNorm", x)
    inner = builder.add("Gelu", [dense("intermediate.dense", x)])
    x = builder.add("Add", [x, dense("output.dense", inner)])
    return norm(builder, weights, f"{root}.output.LayerNorm", x)


def norm(builder: GraphBuilder, weights: Weights, name: str, x: str) -> str:
    scale = builder.constant(f"{name}.weight", weights[f"{name}.weight"])
    shift = builder.constant(f"{name}.bias", weights[f"{name}.bias"])
    return builder.add("LayerNormalization", [x, scale, shift], axis=-1, epsilon=1e-12)
