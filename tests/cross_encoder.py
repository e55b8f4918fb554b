"""A small cross-encoder in an ONNX directory: a weight for each word piece, learned in a second.

Its logit is ``scale * share + bias``, where ``share`` is how much of the query's weight stands in
the text. That words like "the" tell nothing is learned from pairs, by gradient descent. Tokenizer
and word pieces are BERT's, which the package holds for its static table.

    python -m tests.cross_encoder DIRECTORY
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, processors

from coco_embed.static import word_pieces

__all__ = ["cross_encoder", "write_graph"]

Output = Literal["one", "two", "flat", "three", "nan"]

Floats = NDArray[np.float32]

_WINDOW = 512
_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_EMPTY_WORDS = (
    "the",
    "a",
    "of",
    "to",
    "in",
    "is",
    "are",
    "how",
    "do",
    "what",
    "where",
    "and",
    "for",
)
_PAIRS, _STEPS, _RATE = 400, 200, 2.0
# [CLS], [SEP] and [PAD] are no words.
_FIRST_WORD = 1000


def cross_encoder(directory: Path, *, output: Output = "one", max_tokens: int = _WINDOW) -> Path:
    """Write the directory and return it.

    Args:
        directory: where to write; it is made.
        output: logits of shape [n, 1], of [n, 2] ("no", "yes"), of [n]; or what is no reranker.
        max_tokens: what its config says of the window.
    """
    directory.mkdir(parents=True, exist_ok=True)
    _tokenizer().save(str(directory / "tokenizer.json"))
    config = {"model_type": "bert", "max_position_embeddings": max_tokens, "pad_token_id": 0}
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    write_graph(directory / "model.onnx", output=output)
    return directory


def write_graph(path: Path, *, output: Output = "one") -> None:
    """Write the graph of the learned model."""
    weights, scale, bias = _trained()
    arrays: dict[str, NDArray[Any]] = {
        "weights": weights,
        "scale": np.array([scale], np.float32),
        "bias": np.array([bias], np.float32),
        "little": np.array(1e-6, np.float32),
        "first_word": np.array(_FIRST_WORD, np.int64),
        "one": np.array(1, np.int64),
        "axis1": np.array([1], np.int64),
        "axis2": np.array([2], np.int64),
        "signs": np.array([[-0.5, 0.5]], np.float32),
        "three": np.ones((1, 3), np.float32),
        "no_number": np.array([np.nan], np.float32),
    }
    made = {
        "one": ("Identity", ["logit"], ["batch", 1]),
        "two": ("MatMul", ["logit", "signs"], ["batch", 2]),
        "flat": ("Squeeze", ["logit", "axis1"], ["batch"]),
        "three": ("MatMul", ["logit", "three"], ["batch", 3]),
        "nan": ("Mul", ["logit", "no_number"], ["batch", 1]),
    }[output]

    def node(kind: str, inputs: list[str], name: str, **attributes: object) -> Any:
        return helper.make_node(kind, inputs, [name], **attributes)

    nodes = [
        node("GreaterOrEqual", ["input_ids", "first_word"], "is_word"),
        node("Equal", ["token_type_ids", "one"], "in_text"),
        node("Not", ["in_text"], "in_query"),
        node("And", ["is_word", "in_query"], "asked"),
        node("And", ["is_word", "in_text"], "read"),
        node("Unsqueeze", ["input_ids", "axis2"], "column"),
        node("Unsqueeze", ["input_ids", "axis1"], "row"),
        node("Equal", ["column", "row"], "same"),
        node("Unsqueeze", ["read", "axis1"], "read_row"),
        node("And", ["same", "read_row"], "met"),
        node("Cast", ["met"], "met_number", to=TensorProto.FLOAT),
        node("ReduceMax", ["met_number", "axis2"], "found", keepdims=0),
        node("Gather", ["weights", "input_ids"], "all_weights"),
        node("Cast", ["asked"], "asked_number", to=TensorProto.FLOAT),
        node("Mul", ["all_weights", "asked_number"], "query_weights"),
        node("Mul", ["query_weights", "found"], "found_weights"),
        node("ReduceSum", ["found_weights", "axis1"], "found_sum", keepdims=1),
        node("ReduceSum", ["query_weights", "axis1"], "query_sum", keepdims=1),
        node("Add", ["query_sum", "little"], "whole"),
        node("Div", ["found_sum", "whole"], "share"),
        node("Mul", ["share", "scale"], "scaled"),
        node("Add", ["scaled", "bias"], "logit"),
        node(made[0], made[1], "logits"),
    ]
    used = {name for each in nodes for name in each.input}
    graph = helper.make_graph(
        nodes,
        "cross_encoder",
        [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"])
            for name in _INPUTS
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, made[2])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items() if name in used],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    path.write_bytes(model.SerializeToString())


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_str(word_pieces()._tokenizer.to_str())
    numbers = [(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=numbers
    )
    return tokenizer


@cache
def _trained() -> tuple[Floats, float, float]:
    """Return float32[vocabulary], the scale and the bias.

    A good text holds the query's words that mean something, a bad one only its empty words.
    """
    tokenizer = _tokenizer()
    size = tokenizer.get_vocab_size()
    random = np.random.default_rng(7)
    empty = np.array([tokenizer.token_to_id(word) for word in _EMPTY_WORDS])
    queries = np.concatenate(
        [random.choice(empty, (_PAIRS, 3)), random.integers(2000, size, (_PAIRS, 3))], axis=1
    )
    good = np.arange(_PAIRS) % 2 == 0
    found = np.zeros(queries.shape)
    found[good, 3:] = random.random((int(good.sum()), 3)) < 0.8
    found[~good, :3] = random.random((int((~good).sum()), 3)) < 0.8
    # A weight is e^x, so that it stays above 0.
    logs, scale, bias = np.zeros(size), 1.0, 0.0
    for _ in range(_STEPS):
        weights = np.exp(logs[queries])
        whole = weights.sum(axis=1)
        share = (weights * found).sum(axis=1) / whole
        error = 1 / (1 + np.exp(-(scale * share + bias))) - good
        slope = (error * scale / whole)[:, None] * weights * (found - share[:, None])
        np.add.at(logs, queries, -_RATE / np.sqrt(_PAIRS) * slope)
        scale -= _RATE * float((error * share).mean())
        bias -= _RATE * float(error.mean())
    return np.exp(logs).astype(np.float32), scale, bias


if __name__ == "__main__":
    print(cross_encoder(Path(sys.argv[1])))
