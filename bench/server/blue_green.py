"""Queries throughout rebuilds: does any answer miss, or mix versions?

Readers ask without a pause while a project is rebuilt and switched, again and again, and old
versions are removed as soon as retention may. Every chunk says which generation it is of, so an
answer must be of one generation, the one that its version belongs to, and full.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from bench.server.corpus import Corpus, Text, corpus, questions, terms_of
from bench.server.lab import arguments, laboratory, load, new_project, percentile, report
from bench.server.queries import GivenVectors
from coco_core.intent import SearchIntent
from coco_core.query import parse_query
from coco_protocol.server.docs import QueryRequest
from coco_server.search.service import SearchService
from coco_server.store import retention
from coco_server.store.retention import RetentionPolicy
from coco_server.store.session import Database, Scope

MARK = "generation_"

# The soak is what protects a query that has chosen a version and not yet begun to read it.
POLICY = RetentionPolicy(keep_versions=1, keep_hours=0, soak_seconds=2)


def generation(of: Corpus, number: int) -> Corpus:
    """The same texts and vectors, each with the number of a build."""
    texts = [Text(each.doc_id, each.ordinal, f"{MARK}{number} {each.content}") for each in of.texts]
    return Corpus(texts, [terms_of(text) for text in texts], of.vectors)


class Readers:
    """Threads that ask until they are stopped, and judge every answer."""

    def __init__(self, service: SearchService, scope: Scope, asked: list[str]) -> None:
        self.service = service
        self.scope = scope
        self.asked = asked
        self.stopped = threading.Event()
        self.generation_of: dict[str, int] = {}
        self.seen: list[tuple[str, set[str], int]] = []
        self.times: list[float] = []
        self.errors: list[str] = []
        self.threads: list[threading.Thread] = []

    def start(self, count: int) -> None:
        self.threads = [threading.Thread(target=self._read, args=(n,)) for n in range(count)]
        for thread in self.threads:
            thread.start()

    def stop(self) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    def _read(self, number: int) -> None:
        turn = number
        while not self.stopped.is_set():
            turn += 1
            started = time.perf_counter()
            try:
                meta, data = self.service.query(
                    self.scope, QueryRequest(query=self.asked[turn % len(self.asked)])
                )
            except Exception as error:  # noqa: BLE001 - any error is a finding
                self.errors.append(repr(error))
                continue
            self.times.append((time.perf_counter() - started) * 1000)
            marks = {hit.chunk.content.split(maxsplit=1)[0] for hit in data.results}
            self.seen.append((meta.version_id or "", marks, len(data.results)))

    def verdict(self) -> dict[str, object]:
        empty = sum(1 for _, _, hits in self.seen if hits < 10)
        mixed = sum(1 for _, marks, _ in self.seen if len(marks) > 1)
        foreign = sum(
            1
            for version, marks, _ in self.seen
            if marks != {f"{MARK}{self.generation_of.get(version)}"}
        )
        return {
            "queries": len(self.seen),
            "generations_seen": len({mark for _, marks, _ in self.seen for mark in marks}),
            "short_or_empty": empty,
            "mixed": mixed,
            "of_another_version": foreign,
            "errors": len(self.errors),
            "first_error": self.errors[0] if self.errors else "",
            "p50_ms": round(percentile(self.times, 50), 2),
            "p99_ms": round(percentile(self.times, 99), 2),
        }


def cycles(
    database: Database, of: Corpus, readers: Readers, count: int, prune: Callable[[], int]
) -> int:
    scope = readers.scope
    removed = 0
    for number in range(1, count + 1):
        fresh = generation(of, number)
        version = load(
            database,
            fresh,
            scope.org_id,
            scope.project_id,
            0,
            len(of.texts),
            sealed=lambda v, n=number: readers.generation_of.update({v: n}),  # type: ignore[misc]
        )
        assert version.status == "ACTIVE"
        removed += prune()
    return removed


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--chunks", type=int, default=2_000)
    parser.add_argument("--cycles", type=int, default=20)
    parser.add_argument("--readers", type=int, default=3)
    given = parser.parse_args()
    of = corpus(given.chunks)
    with laboratory(durable=given.durable) as (_, database):
        org_id, project_id = new_project(database, "blue green")
        vectors = GivenVectors()
        asked = questions(of, 200)
        for question in asked:
            text = parse_query(SearchIntent(question.text)).embed_text
            vectors.known[text] = question.vector
        service = SearchService(database, vectors)  # type: ignore[arg-type]  # what the bench gives
        readers = Readers(service, Scope(org_id, "b", project_id), [q.text for q in asked])
        first = load(database, generation(of, 0), org_id, project_id, 0, len(of.texts))
        readers.generation_of[first.version_id] = 0
        readers.start(given.readers)
        try:
            removed = cycles(
                database,
                of,
                readers,
                given.cycles,
                lambda: len(retention.prune(database, POLICY)),
            )
        finally:
            readers.stop()
        report("blue-green", {"cycles": given.cycles, "removed": removed, **readers.verdict()})


if __name__ == "__main__":
    main()
