"""Measure the local embedder on real source files: throughput, query latency, memory, agreement.

Run: python bench/embedding.py [--texts 1000] [--plain] [FOLDER]

FOLDER holds the files whose pieces are embedded (default: the standard library). ``--plain`` also
runs the float model through ONNX Runtime the usual way, in padded batches of 32 over all cores, for
the ratio. Shared machines are noisy: compare figures of one run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from coco_embed.onnx import OnnxEmbedder
from coco_embed.tokenizer import WordPieces
from tests.model_fixture import installed_model, official_files

WINDOW = 128
# A chunk of code with its header has about this many characters.
PIECE = 700


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=sysconfig.get_path("stdlib"))
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--plain", action="store_true")
    options = parser.parse_args()
    model = installed_model()
    texts = pieces(Path(options.folder), options.texts)
    words = WordPieces(model.tokenizer)
    tokens = sum(map(len, words.ids(texts, WINDOW)))
    print(f"{len(texts)} texts, {tokens} tokens, {len(os.sched_getaffinity(0))} cores")
    print(f"model {model.manifest.conversion}")

    before = resident()
    embedder = OnnxEmbedder(model, max_tokens=WINDOW)
    opened = clock(lambda: embedder.embed_query("open the session"))
    print(f"first query (opens the session) {opened * 1e3:.0f} ms, RSS {before} -> {resident()} MB")
    latency(embedder, "idle")
    seconds = clock(lambda: embedder.embed_documents(texts))
    print(f"documents: {len(texts) / seconds:.1f} texts/s, {tokens / seconds:.0f} tokens/s")
    done = threading.Event()
    indexing = threading.Thread(target=lambda: (embedder.embed_documents(texts), done.set()))
    indexing.start()
    latency(embedder, "while indexing", until=done)
    indexing.join()
    print(f"tokenizing alone: {tokens / clock(lambda: words.ids(texts, WINDOW)):.0f} tokens/s")
    print(f"RSS after {2 * len(texts)} texts: {resident()} MB")
    if options.plain:
        plain(texts, tokens, embedder)


def pieces(folder: Path, count: int) -> list[str]:
    found: list[str] = []
    for path in sorted(folder.rglob("*.py")):
        text = path.read_text(encoding="utf-8", errors="replace")
        name = path.relative_to(folder).as_posix()
        # One piece in three, so that many files are seen.
        starts = range(0, len(text), 3 * PIECE)
        found.extend(f"{name}\n{text[start : start + PIECE]}" for start in starts)
    generator = np.random.default_rng(0)
    chosen = generator.permutation(len(found))[:count]
    return [found[index] for index in chosen]


def latency(embedder: OnnxEmbedder, label: str, until: threading.Event | None = None) -> None:
    questions = [f"where is the {noun} of a session checked" for noun in ("owner", "age", "key")]
    times: list[float] = []
    while len(times) < 300 and not (until is not None and until.is_set()):
        question = questions[len(times) % 3]
        times.append(clock(lambda text=question: embedder.embed_query(text)))
        if until is not None:
            until.wait(0.02)
    cut = statistics.quantiles(times, n=20)
    print(f"query {label}: p50 {cut[9] * 1e3:.2f} ms, p95 {cut[18] * 1e3:.2f} ms (n={len(times)})")


def plain(texts: list[str], tokens: int, embedder: OnnxEmbedder) -> None:
    import onnxruntime
    from tokenizers import Tokenizer

    from bench.float_graph import masked_graph

    folder = official_files()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(WINDOW)
    tokenizer.enable_padding()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        masked_graph(folder / "model.safetensors"), options, providers=["CPUExecutionProvider"]
    )

    def run() -> np.ndarray:
        rows = []
        for start in range(0, len(texts), 32):
            encoded = tokenizer.encode_batch(texts[start : start + 32])
            ids = np.array([item.ids for item in encoded], np.int32)
            rows.append(session.run(None, {"input_ids": ids})[0])
        return np.vstack(rows)

    # In turns, and the best of each: what else runs on the machine comes and goes.
    ours, theirs = [], []
    for _ in range(3):
        ours.append(tokens / clock(lambda: embedder.embed_documents(texts)))
        theirs.append(tokens / clock(run))
    best, plain_best = max(ours), max(theirs)
    cosines = (run() * embedder.embed_documents(texts)).sum(axis=1)
    print(f"in turns: ours {best:.0f} tokens/s, plain float in padded batches {plain_best:.0f}")
    print(f"ratio {best / plain_best:.2f}")
    print(f"cosine to it: mean {cosines.mean():.4f}, minimum {cosines.min():.4f}")


def clock(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


if __name__ == "__main__":
    main()
