"""A directory with an embedding model as exporters write it, made of MiniLM's official weights.

Standard operators in float32, three inputs of int64, the state of every token as output: what
``optimum-cli export onnx`` gives, next to the files of sentence-transformers that say how to pool.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto, helper

from bench.float_graph import layer, norm
from coco_embed.graph import LAYERS, GraphBuilder, float_table
from coco_embed.safetensors import read_safetensors

if TYPE_CHECKING:
    from onnx import ModelProto

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def export_minilm(official: Path, directory: Path, *, graph: str = "onnx/model.onnx") -> Path:
    """Write the directory and return it.

    Args:
        official: the folder with MiniLM's model.safetensors and tokenizer.json.
        directory: where to write; it is made.
        graph: where the graph stands in it.
    """
    (directory / "1_Pooling").mkdir(parents=True)
    path = directory / graph
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(token_graph(official / "model.safetensors").SerializeToString())
    shutil.copy(official / "tokenizer.json", directory)
    pooling = {"word_embedding_dimension": 384, "pooling_mode_mean_tokens": True}
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {
            "idx": 1,
            "name": "1",
            "path": "1_Pooling",
            "type": "sentence_transformers.models.Pooling",
        },
        {
            "idx": 2,
            "name": "2",
            "path": "2_Normalize",
            "type": "sentence_transformers.models.Normalize",
        },
    ]
    for name, content in {
        "config.json": {"model_type": "bert", "max_position_embeddings": 512, "pad_token_id": 0},
        "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
        "tokenizer_config.json": {"model_max_length": 512},
        "modules.json": modules,
        "1_Pooling/config.json": pooling,
    }.items():
        (directory / name).write_text(json.dumps(content), encoding="utf-8")
    return directory


def token_graph(weights_path: Path) -> ModelProto:
    """Return the graph that gives ``last_hidden_state`` float32[batch, length, 384]."""
    weights = read_safetensors(weights_path)
    builder = GraphBuilder()

    def table(name: str, ids: str) -> str:
        return float_table(builder, name, ids, weights[f"embeddings.{name}_embeddings.weight"])

    zero = builder.constant("axis", np.array([0], np.int64))
    positions = builder.constant("position", weights["embeddings.position_embeddings.weight"])
    length = builder.add("Shape", ["input_ids"], start=1, end=2)
    here = builder.add("Slice", [positions, zero, length, zero])
    added = builder.add("Add", [table("word", "input_ids"), here])
    added = builder.add("Add", [added, table("token_type", "token_type_ids")])
    x = norm(builder, weights, "embeddings.LayerNorm", added)
    # 0 where a token is, a large negative number where none is.
    present = builder.add("Cast", ["attention_mask"], to=TensorProto.FLOAT)
    absent = builder.add("Sub", [builder.constant("unit", np.array([1], np.float32)), present])
    low = builder.add("Mul", [absent, builder.constant("low", np.array([-1e9], np.float32))])
    axes = builder.constant("axes", np.array([1, 2], np.int64))
    bias = builder.add("Unsqueeze", [low, axes])
    for index in range(LAYERS):
        x = layer(builder, weights, index, x, bias)
    builder.output("last_hidden_state", x, ["batch", "length", 384])
    model = builder.model()
    del model.graph.input[:]
    model.graph.input.extend(
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
        for name in INPUTS
    )
    return model
