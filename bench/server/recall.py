"""Recall@10 of vector search for tenants of every size, with and without a filter.

The judge is exact: all cosines, computed here. A small version is scanned and must be perfect; a
large one is walked through HNSW, also under filters that let a half or a few hundredths of it pass.
"""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from bench.server.corpus import Corpus, Question, corpus, questions
from bench.server.lab import (
    Tenant,
    arguments,
    laboratory,
    load,
    new_project,
    percentile,
    report,
)
from coco_core.filters import Filters
from coco_core.globs import compile_glob
from coco_core.intent import SearchIntent
from coco_core.search.request import SearchRequest
from coco_server.search.pg import PgExecutor
from coco_server.store.session import Database

SIZES = (100, 300, 1_000, 3_000, 6_000, 7_000, 12_000, 25_000, 50_000)
GOAL = 0.98

# Packages by their first letters: a half of all chunks, a twentieth, and a few hundredths.
FILTERS = {"all": "**", "half": "/?[a-n]*/**", "some": "/?[iu]*/**", "few": "/?[q-s]*/*t*"}


def one_tenant(database: Database, of: Corpus, size: int, count: int) -> dict[str, float]:
    org_id, project_id = new_project(database, f"recall {size}")
    version = load(database, of, org_id, project_id, 0, size)
    tenant = Tenant(org_id, project_id, version, 0, size)
    asked = questions(of, count, 0, size)
    figures: dict[str, float] = {}
    for name, glob in FILTERS.items():
        passing = np.array(
            [bool(compile_glob(glob).fullmatch(text.doc_id)) for text in of.texts[:size]]
        )
        if passing.sum() < 10:
            continue
        hits: list[float] = []
        times: list[float] = []
        for question in asked:
            started = time.perf_counter()
            found = search(database, tenant, question, glob)
            times.append((time.perf_counter() - started) * 1000)
            hits.append(overlap(of, question, passing, found, size))
        figures[f"{name}_share"] = round(float(passing.mean()), 3)
        figures[f"{name}_recall"] = round(float(np.mean(hits)), 4)
        figures[f"{name}_p50_ms"] = round(percentile(times, 50), 2)
    return figures


def search(database: Database, tenant: Tenant, question: Question, glob: str) -> NDArray[np.int64]:
    filters = Filters() if glob == "**" else Filters(include=(glob,))
    intent = SearchIntent(question.text, retrieval_mode="vector", filters=filters)
    with database.tenant(tenant.org_id) as session:
        executor = PgExecutor(session, tenant.version)
        answer = executor.search(SearchRequest.of(intent), question.vector)
    best = sorted(answer.candidates, key=lambda each: -(each.vector or 0.0))[:10]
    return np.array([each.metadata.key for each in best], np.int64)


def overlap(
    of: Corpus, question: Question, passing: NDArray[np.bool_], found: NDArray[np.int64], size: int
) -> float:
    """Share of the ten best that was found; what is as near as the tenth counts, too."""
    scores = np.where(passing, of.vectors[:size] @ question.vector, -np.inf)
    tenth = np.sort(scores)[-10]
    return float((scores[found] >= tenth - 1e-5).sum()) / 10


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--largest", type=int, default=SIZES[-1])
    parser.add_argument("--queries", type=int, default=100)
    given = parser.parse_args()
    sizes = [size for size in SIZES if size <= given.largest]
    of = corpus(max(sizes))
    figures: dict[str, object] = {}
    with laboratory(durable=given.durable) as (_, database):
        for size in sizes:
            for name, value in one_tenant(database, of, size, given.queries).items():
                figures[f"{size}_{name}"] = value
    recalls = [v for k, v in figures.items() if k.endswith("recall") and isinstance(v, float)]
    figures |= {"least_recall": min(recalls), "goal": GOAL, "met": min(recalls) >= GOAL}
    report("recall", figures)


if __name__ == "__main__":
    main()
