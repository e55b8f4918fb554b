"""The scan of an index's vectors: bytes and halves against a product of float32, in turn.

Run: python -m bench.local.scan HOME [--rows 100000] [--models DIR] [--wanted 150]

HOME is a CoCo home; the vectors of its embedding cache are the rows. Every question is answered
both ways, one after the other in one process, so that a busy machine slows both alike. It fails
unless both find the same rows (of equal cosines at the border, either may be found).
"""

from __future__ import annotations

import argparse
import itertools
import sqlite3
import statistics
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from bench.local.latency import questions
from bench.local.report import Report, percentiles
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.onnx import OnnxEmbedder
from coco_embed.static import StaticEmbedder
from coco_embed.store import DEFAULT_MODEL, ModelStore
from coco_local.index.byte_vectors import encoded, scan
from coco_local.index.matrix import VectorMatrix
from coco_local.index.top_k import best_rows

_QUESTIONS = 100


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("home", type=Path, metavar="HOME")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--wanted", type=int, default=150, help="candidates of a query")
    parser.add_argument("--models", type=Path, metavar="DIR", help="the static table without it")
    options = parser.parse_args()
    vectors = _vectors(options.home, options.rows)
    count, dimension = vectors.shape
    report = Report("scan", rows=count, wanted=options.wanted, models=options.models is not None)
    report.title(f"{count:,} vectors of length {dimension}")
    before = time.perf_counter()
    matrix = VectorMatrix(dimension)
    matrix.set(np.arange(count), vectors)
    report.add(set_us_a_row=round((time.perf_counter() - before) / count * 1e6, 2))
    everything, codes = np.ones(count, np.bool_), encoded(vectors)
    floats, both, bytes_alone, candidates = [], [], [], []
    for query in _queries(options.models):
        before = time.perf_counter()
        exact = vectors @ query
        best = best_rows(exact, options.wanted, -np.inf)
        floats.append(time.perf_counter() - before)
        before = time.perf_counter()
        found, cosines = matrix.best(query, everything, options.wanted)
        both.append(time.perf_counter() - before)
        before = time.perf_counter()
        bounds = scan(query, codes)
        bytes_alone.append(time.perf_counter() - before)
        border = np.sort(bounds.products - bounds.radius)[-options.wanted]
        candidates.append(int((bounds.products + bounds.radius >= border).sum()))
        differing = exact[np.setxor1d(best, found)]
        # The two sum in another order: what differs must be equal but for that.
        assert (np.abs(differing - exact[best].min()) < 1e-6).all(), "the scans differ"
        assert np.allclose(cosines, exact[found], atol=1e-6)
    report.add(**percentiles("float32", floats), **percentiles("bytes_and_halves", both))
    report.add(**percentiles("bytes_alone", bytes_alone))
    report.add(ratio_of_medians=round(statistics.median(floats) / statistics.median(both), 2))
    report.add(scored_exactly=statistics.median(candidates), most_scored_exactly=max(candidates))
    report.write()


def _vectors(home: Path, count: int) -> FloatMatrix:
    """Return cached vectors, which are in no order, as float32."""
    with closing(sqlite3.connect(home / "embeddings.db")) as database:
        rows = database.execute("SELECT vector FROM embeddings LIMIT ?", (count,)).fetchall()
    raw = np.frombuffer(b"".join(row[0] for row in rows), np.float16)
    return raw.reshape(len(rows), -1).astype(np.float32)


def _queries(models: Path | None) -> list[FloatVector]:
    found = None if models is None else ModelStore(models).find(DEFAULT_MODEL)
    embedder = StaticEmbedder() if found is None else OnnxEmbedder(found)
    return [embedder.embed_query(text) for text in itertools.islice(questions(), _QUESTIONS)]


if __name__ == "__main__":
    main()
