"""Recall@10 and time of queries whose viewer is shown 0.1 % to 50 % of the documents.

The same corpus is asked in all modes by viewers of groups that are in the allow lists of so many
documents, and as a version without allow lists, in turns. The judge of recall is exact.
"""

from __future__ import annotations

import hashlib
import time

import numpy as np

from bench.server.corpus import Corpus, Question, corpus, questions
from bench.server.lab import arguments, laboratory, load, new_project, percentile, report
from bench.server.recall import GOAL
from coco_core.intent import RetrievalMode, SearchIntent
from coco_core.search.request import SearchRequest
from coco_server.search.pg import PgExecutor
from coco_server.store.access import VIEWS_EVERYTHING, Viewer, group_name
from coco_server.store.session import Database
from coco_server.store.versions import Version

# Thousandths of all documents.
SHOWN = (1, 10, 100, 500)
MODES: tuple[RetrievalMode, ...] = ("vector", "hybrid")


def places(of: Corpus, size: int) -> dict[str, int]:
    """Return each document's place among all, in thousandths; the first ones have 0."""
    ids = {text.doc_id for text in of.texts[:size]}
    mixed = sorted(ids, key=lambda each: hashlib.blake2b(each.encode(), digest_size=8).digest())
    return {doc_id: 1000 * rank // len(mixed) for rank, doc_id in enumerate(mixed)}


def search(
    database: Database,
    org_id: str,
    version: Version,
    question: Question,
    viewer: Viewer,
    mode: RetrievalMode,
) -> tuple[float, list[int]]:
    request = SearchRequest.of(SearchIntent(question.text, retrieval_mode=mode))
    started = time.perf_counter()
    with database.read_transaction(org_id) as session:
        answer = PgExecutor(session, version, viewer).search(request, question.vector)
    took = (time.perf_counter() - started) * 1000
    best = sorted(answer.candidates, key=lambda each: -(each.vector or 0.0))[:10]
    return took, [each.metadata.key for each in best]


def recall(of: Corpus, question: Question, shown: np.ndarray, found: list[int], size: int) -> float:
    scores = np.where(shown, of.vectors[:size] @ question.vector, -np.inf)
    wanted = min(10, int(shown.sum()))
    last = np.sort(scores)[-wanted]
    assert shown[found].all(), "a hidden chunk was found"
    return float((scores[found] >= last - 1e-5).sum()) / wanted


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--queries", type=int, default=60)
    given = parser.parse_args()
    size = given.chunks
    of = corpus(size)
    figures: dict[str, object] = {"chunks": size}
    with laboratory(durable=given.durable) as (_, database):
        org_id, project_id = new_project(database, "restricted")
        started = time.perf_counter()
        ranks = places(of, size)

        def allow(doc_id: str) -> tuple[str, ...]:
            return tuple(group_name(f"first{each}") for each in SHOWN if ranks[doc_id] < each)

        restricted = load(database, of, org_id, project_id, 0, size, allow=allow)
        figures["build_restricted_s"] = round(time.perf_counter() - started, 1)
        plain_org, plain_project = new_project(database, "plain")
        started = time.perf_counter()
        plain = load(database, of, plain_org, plain_project, 0, size)
        figures["build_plain_s"] = round(time.perf_counter() - started, 1)
        assert restricted.restricted
        assert not plain.restricted
        ranked = np.array([ranks[text.doc_id] for text in of.texts[:size]])
        times: dict[str, list[float]] = {}
        hits: dict[str, list[float]] = {}
        for question in questions(of, given.queries, 0, size):
            for mode in MODES:
                took, _ = search(database, plain_org, plain, question, VIEWS_EVERYTHING, mode)
                times.setdefault(f"{mode}_plain", []).append(took)
                for share in SHOWN:
                    viewer = Viewer.of("nobody", [f"first{share}"])
                    took, found = search(database, org_id, restricted, question, viewer, mode)
                    times.setdefault(f"{mode}_{share}", []).append(took)
                    if mode == "vector":
                        hits.setdefault(f"{share}", []).append(
                            recall(of, question, ranked < share, found, size)
                        )
        for share in SHOWN:
            figures[f"shown_{share}"] = int((ranked < share).sum())
            figures[f"recall_{share}"] = round(float(np.mean(hits[f"{share}"])), 4)
        for name, each in times.items():
            figures[f"{name}_p50_ms"] = round(percentile(each, 50), 2)
            figures[f"{name}_p95_ms"] = round(percentile(each, 95), 2)
    least = min(float(np.mean(each)) for each in hits.values())
    figures |= {"least_recall": round(least, 4), "goal": GOAL, "met": least >= GOAL}
    report("visibility", figures)


if __name__ == "__main__":
    main()
