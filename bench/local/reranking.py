"""How long does a reranker take for so many texts, and what do queries without it feel of that?

Two cross-encoders read the same chunks of a repository: the small one of the tests, and a graph of
the size of ms-marco-MiniLM-L6-v2 (MiniLM's official weights with one number as its output; its
opinions mean nothing, its time does).

    python -m bench.local.reranking REPOSITORY [--texts 30] [--rounds 10]
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from coco_core.chunking import chunk_document
from coco_core.configs import DEFAULT_CONFIG
from coco_core.header import embedding_text
from coco_embed.reranking.cross_encoder import OnnxReranker
from coco_embed.reranking.registered import RegisteredReranker
from tests.cross_encoder import cross_encoder
from tests.model_fixture import official_files
from tests.onnx_directory import token_graph

_QUESTION = "where is the request context pushed before a view runs"
_WIDTH = 384


def minilm_sized(directory: Path) -> Path:
    """Write MiniLM with a head of one number over the state of its first token."""
    official = official_files()
    directory.mkdir(parents=True)
    model = token_graph(official / "model.safetensors")
    graph = model.graph
    head = np.random.default_rng(1).normal(0, 0.05, (_WIDTH, 1)).astype(np.float32)
    graph.initializer.extend(
        [numpy_helper.from_array(head, "head"), numpy_helper.from_array(np.array(0), "first")]
    )
    graph.node.extend(
        [
            helper.make_node("Gather", ["last_hidden_state", "first"], ["cls"], axis=1),
            helper.make_node("MatMul", ["cls", "head"], ["logits"]),
        ]
    )
    del graph.output[:]
    graph.output.append(helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 1]))
    (directory / "model.onnx").write_bytes(model.SerializeToString())
    shutil.copy(official / "tokenizer.json", directory)
    config = {"model_type": "bert", "max_position_embeddings": 512}
    (directory / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return directory


def chunks_of(repository: Path, count: int) -> list[str]:
    """Return the texts of the first chunks of Python code, as a reranker reads them."""
    found: list[str] = []
    for path in sorted(repository.rglob("*.py")):
        name = path.relative_to(repository).as_posix()
        source = path.read_bytes()
        for chunk in chunk_document(name, source, DEFAULT_CONFIG.chunking).chunks:
            found.append(embedding_text(name, chunk))
            if len(found) == count:
                return found
    return found


def measure(directory: Path, texts: Sequence[str], rounds: int, threads: int) -> list[float]:
    """Return the milliseconds of each round, the first one, which opens the files, left out."""
    reranker = OnnxReranker(RegisteredReranker("bench", "", path=directory), threads=threads)
    took = []
    for number in range(rounds + 1):
        began = time.perf_counter()
        reranker.score(_QUESTION, texts, seconds=600)
        if number:
            took.append(1000 * (time.perf_counter() - began))
    reranker.close()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--texts", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    texts = chunks_of(arguments.repository, arguments.texts)
    print(f"{len(texts)} texts, {statistics.mean(map(len, texts)):.0f} characters on average")
    with tempfile.TemporaryDirectory() as place:
        for name, directory in (
            ("small", cross_encoder(Path(place) / "small")),
            ("MiniLM-sized", minilm_sized(Path(place) / "minilm")),
        ):
            took = measure(directory, texts, arguments.rounds, arguments.threads)
            print(f"{name:>14}: p50 {statistics.median(took):.1f} ms, max {max(took):.1f} ms")


if __name__ == "__main__":
    main()
