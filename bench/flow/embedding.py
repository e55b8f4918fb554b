"""How busy a flow keeps the embedder: texts per second against a bare loop, and time inside it.

Run: python -m bench.flow.embedding [--files 150] [--rounds 3]
The flow reads Markdown, splits, embeds (all-MiniLM-L6-v2, int8) and writes to SQLite; the bare loop
embeds the same chunks in one call each 512. CPU seconds count on a busy machine.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import coco_flow
from bench.flow.build import make_corpus
from coco_flow.setting import DatabaseConnectionSpec, Settings
from tests.model_fixture import installed_model, models_root


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    os.environ["COCO_EMBED_MODEL_DIR"] = str(models_root() / "models")
    model = installed_model()
    from coco_embed.onnx import OnnxEmbedder

    bare = OnnxEmbedder(model, max_tokens=128)
    busy: list[float] = []
    embed = OnnxEmbedder.embed_documents

    def timed(self: Any, texts: Any) -> Any:
        began = time.perf_counter()
        try:
            return embed(self, texts)
        finally:
            busy.append(time.perf_counter() - began)

    shares, ratios = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        corpus = make_corpus(folder / "corpus", options.files)
        for number in range(options.rounds):
            OnnxEmbedder.embed_documents = timed  # type: ignore[method-assign]
            busy.clear()
            seconds, cpu, texts = _flow(corpus, folder / f"out{number}")
            share = sum(busy) / seconds
            OnnxEmbedder.embed_documents = embed  # type: ignore[method-assign]
            began, used = time.perf_counter(), time.process_time()
            for start in range(0, len(texts), 512):
                bare.embed_documents(texts[start : start + 512])
            bare_seconds, bare_cpu = time.perf_counter() - began, time.process_time() - used
            shares.append(share)
            ratios.append(bare_cpu / cpu)
            print(
                f"{len(texts)} chunks: flow {len(texts) / seconds:.0f}/s, embedder busy "
                f"{share:.0%}; bare {len(texts) / bare_seconds:.0f}/s; CPU of the bare loop "
                f"{bare_cpu / cpu:.0%} of the flow's"
            )
    print(f"median: busy {statistics.median(shares):.0%}, CPU {statistics.median(ratios):.0%}")


def _flow(corpus: Path, out: Path) -> tuple[float, float, list[str]]:
    import sqlite3

    from coco_flow import functions, sources, targets

    out.mkdir()

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(sources.LocalFile(path=str(corpus)))
        rows = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["chunks"] = doc["content"].transform(
                functions.SplitRecursively(), language="markdown", chunk_size=600
            )
            with doc["chunks"].row() as chunk:
                chunk["vector"] = chunk["text"].transform(functions.Embed())
                rows.collect(
                    filename=doc["filename"],
                    location=chunk["location"],
                    text=chunk["text"],
                    vector=chunk["vector"],
                )
        rows.export(
            "rows", targets.SQLite(path=f"{out}/rows.db", table_name="rows"),
            primary_key_fields=["filename", "location"],
        )  # fmt: skip

    coco_flow.init(Settings(database=DatabaseConnectionSpec(url=f"{out}/state.db")))
    flow = coco_flow.open_flow("Embedding", define)
    flow.setup()
    began, used = time.perf_counter(), time.process_time()
    flow.update()
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    flow.close()
    with sqlite3.connect(f"{out}/rows.db") as connection:
        texts = [row[0] for row in connection.execute("SELECT text FROM rows")]
    connection.close()
    return seconds, cpu, texts


if __name__ == "__main__":
    main()
