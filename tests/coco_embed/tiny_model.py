"""Model directories small enough to compute by hand: a row of four numbers for each word."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

WORDS = ("<s>", "</s>", "<unk>", "red", "green", "blue", "query:", "text:")
ROWS = np.array(
    [
        [0.5, 0, 0, 0.5],
        [0, 0.5, 0.5, 0],
        [0, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 1, 0, 0],
        [0, 0, 1, 0],
        [2, 0, 1, 0],
        [0, 2, 0, 1],
    ],
    np.float32,
)


def write_tokenizer(directory: Path, *, special: bool = True) -> None:
    """Write a tokenizer of words; ``special`` puts ``<s>`` before and ``</s>`` behind a text."""
    numbers = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)]
        )
    tokenizer.save(str(directory / "tokenizer.json"))


def write_graph(
    path: Path,
    *,
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    kind: int = TensorProto.INT64,
    length: str | int = "length",
    outputs: Sequence[str] = ("last_hidden_state",),
    half: bool = False,
) -> None:
    """Write a graph whose token states are `ROWS`; pooled outputs are ten times their sum."""
    rows = ROWS.astype(np.float16) if half else ROWS
    floating = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    ten = np.array(10, rows.dtype)
    nodes = [
        helper.make_node("Gather", ["rows", "input_ids"], ["states"]),
        helper.make_node("ReduceSum", ["states", "one"], ["sum"], keepdims=0),
        helper.make_node("Mul", ["sum", "ten"], ["pooled"]),
    ]
    shapes: dict[str, list[str | int]] = {}
    for name in outputs:
        pooled = name in {"sentence_embedding", "pooler_output"}
        nodes.append(helper.make_node("Identity", ["pooled" if pooled else "states"], [name]))
        shapes[name] = ["batch", 4] if pooled else ["batch", length, 4]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, kind, ["batch", length]) for name in inputs],
        [helper.make_tensor_value_info(name, floating, shape) for name, shape in shapes.items()],
        [
            numpy_helper.from_array(rows, "rows"),
            numpy_helper.from_array(ten, "ten"),
            numpy_helper.from_array(np.array([1], np.int64), "one"),
        ],
    )
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())


def write_json(directory: Path, name: str, content: object) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def tiny_model(directory: Path) -> Path:
    """Write the plainest directory: graph and tokenizer."""
    write_graph(directory / "model.onnx")
    write_tokenizer(directory)
    return directory
