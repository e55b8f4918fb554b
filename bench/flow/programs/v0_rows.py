"""CocoIndex 0.3: the same job as `coco_rows`, rows and state in PostgreSQL."""

import hashlib
import os
import time
from dataclasses import dataclass

import cocoindex


@dataclass
class Described:
    digest: str
    words: int


@cocoindex.op.function(behavior_version=1)
def describe(text: str) -> Described:
    return Described(hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), len(text.split()))


@cocoindex.flow_def(name="BenchRows")
def flow(builder: cocoindex.FlowBuilder, scope: cocoindex.DataScope) -> None:
    scope["docs"] = builder.add_source(
        cocoindex.sources.LocalFile(path=os.environ["BENCH_SRC"], included_patterns=["**/*.md"])
    )
    out = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["chunks"] = doc["content"].transform(
            cocoindex.functions.SplitRecursively(),
            language="markdown",
            chunk_size=1000,
            chunk_overlap=200,
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
    out.export("chunks", cocoindex.targets.Postgres(), primary_key_fields=["filename", "location"])


if __name__ == "__main__":
    cocoindex.init()
    flow.setup()
    began = time.perf_counter()
    flow.update()
    print(f"UPDATE {time.perf_counter() - began:.4f}")
