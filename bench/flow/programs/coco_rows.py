"""coco_flow: Markdown files, split, a small function a chunk, rows in SQLite."""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import dataclass

import coco_flow
from coco_flow import functions, op, sources, targets

OUT = os.environ["BENCH_OUT"]


@dataclass
class Described:
    digest: str
    words: int


@op.function(cache=os.environ.get("BENCH_MEMO") == "1", behavior_version=1)
def describe(text: str) -> Described:
    return Described(hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), len(text.split()))


@coco_flow.flow_def(name="BenchRows")
def flow(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
    scope["docs"] = builder.add_source(
        sources.LocalFile(path=os.environ["BENCH_SRC"], included_patterns=["**/*.md"])
    )
    out = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["chunks"] = doc["content"].transform(
            functions.SplitRecursively(), language="markdown", chunk_size=1000, chunk_overlap=200
        )
        with doc["chunks"].row() as chunk:
            chunk["described"] = chunk["text"].transform(describe)
            out.collect(
                filename=doc["filename"],
                location=chunk["location"],
                text=chunk["text"],
                digest=chunk["described"]["digest"],
                words=chunk["described"]["words"],
            )
    out.export(
        "chunks",
        targets.SQLite(path=f"{OUT}/rows.db"),
        primary_key_fields=["filename", "location"],
    )


if __name__ == "__main__":
    database = coco_flow.DatabaseConnectionSpec(url=f"{OUT}/state.db")
    coco_flow.init(coco_flow.Settings(database=database))
    flow.setup()
    began = time.perf_counter()
    info = flow.update()
    print(f"UPDATE {time.perf_counter() - began:.4f} {info.stats}")
