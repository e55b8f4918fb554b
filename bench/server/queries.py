"""How long do hybrid and vector queries take, against raw SQL through psycopg for the same answer?

Tenants of very different sizes share a server. Raw SQL gets the best plain layout that there is: a
table for each tenant with a GIN index of words and HNSW where it pays, no row-level security, and
one statement for a query: the 200 nearest vectors and the 200 best texts, fused, ten contents. The
product does the same with its own inverted index, the core's BM25 and ranking. Both run in turns.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
from pgvector import HalfVector, Vector
from pgvector.psycopg import register_vector

from bench.server.corpus import DIMENSION, Corpus, Question, corpus, questions
from bench.server.lab import (
    Tenant,
    arguments,
    laboratory,
    load,
    new_project,
    percentile,
    report,
    timed,
)
from coco_core.intent import SearchIntent
from coco_core.query import parse_query
from coco_core.types import FloatVector
from coco_protocol.docs import RetrievalBody
from coco_protocol.server.docs import QueryRequest
from coco_server.dev.postgres import DevPostgres
from coco_server.search.service import SearchService
from coco_server.store.sealing import search_is_exact
from coco_server.store.session import Database, Scope

RAW_HYBRID = """
WITH nearest AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY distance) AS place FROM (
        SELECT id, {distance} AS distance FROM {table} ORDER BY {distance} LIMIT 200) AS n
), worded AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY score DESC) AS place FROM (
        SELECT id, ts_rank(words, to_tsquery('simple', %(words)s)) AS score FROM {table}
        WHERE words @@ to_tsquery('simple', %(words)s) ORDER BY score DESC LIMIT 200) AS w
), fused AS (
    SELECT id, coalesce(1.0 / (60 + nearest.place), 0) + coalesce(1.0 / (60 + worded.place), 0)
        AS score FROM nearest FULL OUTER JOIN worded USING (id) ORDER BY score DESC LIMIT 10
)
SELECT id, doc, content, score FROM fused JOIN {table} USING (id) ORDER BY score DESC
"""

RAW_VECTOR = "SELECT id, doc, content FROM {table} ORDER BY {distance} LIMIT 10"


class GivenVectors:
    """Gives a query the vector that it was made with; nothing is embedded here."""

    def __init__(self) -> None:
        self.known: dict[str, FloatVector] = {}

    def open(self, config: object, *, timeout: float = 0.0) -> Any:
        del config, timeout
        return self

    def embed_query(self, text: str) -> FloatVector:
        return self.known[text]

    def close(self) -> None:
        pass


class Raw:
    """A tenant's own table, asked without CoCo."""

    def __init__(self, connection: psycopg.Connection[Any], of: Corpus, tenant: Tenant) -> None:
        self.connection = connection
        self.table = f"raw_{tenant.version.version_no}"
        self.exact = search_is_exact(tenant.end - tenant.start, DIMENSION)
        self.distance = (
            "embedding <#> %(query)s"
            if self.exact
            else f"embedding::halfvec({DIMENSION}) <#> %(half)s"
        )
        self._load(of, tenant)

    def _load(self, of: Corpus, tenant: Tenant) -> None:
        run = self.connection.execute
        run(
            f"CREATE TABLE {self.table} (id int PRIMARY KEY, doc text, content text, "
            f"embedding vector({DIMENSION}), words tsvector GENERATED ALWAYS AS "
            "(to_tsvector('simple', content)) STORED)"
        )
        run(f"ALTER TABLE {self.table} ALTER embedding SET STORAGE PLAIN")
        with (
            self.connection.cursor() as cursor,
            cursor.copy(
                f"COPY {self.table} (id, doc, content, embedding) FROM STDIN (FORMAT BINARY)"
            ) as copy,
        ):
            copy.set_types(["int4", "text", "text", "vector"])
            for i in range(tenant.start, tenant.end):
                text = of.texts[i]
                copy.write_row((i, text.doc_id, text.content, of.vectors[i]))
        run(f"CREATE INDEX ON {self.table} USING gin (words)")
        if not self.exact:
            run(
                f"CREATE INDEX ON {self.table} USING hnsw "
                f"((embedding::halfvec({DIMENSION})) halfvec_ip_ops)"
            )
        run(f"ANALYZE {self.table}")

    def ask(self, statement: str, question: Question) -> list[Any]:
        words = " | ".join(dict.fromkeys(question.text.replace("_", " ").split()))
        with self.connection.transaction():
            if not self.exact:
                self.connection.execute("SELECT set_config('hnsw.ef_search', '200', true)")
            return self.connection.execute(
                statement.format(table=self.table, distance=self.distance),  # type: ignore[call-overload]
                {
                    "query": Vector(question.vector),
                    "half": HalfVector(question.vector),
                    "words": words,
                },
                binary=True,
            ).fetchall()


def shares(total: int, tenants: int) -> list[int]:
    """Sizes of tenants that add up to about ``total``: the largest has a fifth to a third of it."""
    weights = [1 / (1 + place) for place in range(tenants)]
    return [max(100, round(total * weight / sum(weights))) for weight in weights]


def build(database: Database, of: Corpus, tenants: int) -> list[Tenant]:
    found: list[Tenant] = []
    start = 0
    for number, size in enumerate(shares(len(of.texts), tenants)):
        end = min(start + size, len(of.texts))
        org_id, project_id = new_project(database, f"tenant {number}")
        version = load(database, of, org_id, project_id, start, end)
        found.append(Tenant(org_id, project_id, version, start, end))
        start = end
    return found


def compare(
    service: SearchService,
    raws: list[Raw],
    asked: list[tuple[int, Tenant, Question]],
    mode: str,
    statement: str,
) -> dict[str, float]:
    product_ms: list[float] = []
    raw_ms: list[float] = []
    for place, tenant, question in asked:
        request = QueryRequest(
            query=question.text,
            retrieval_config=RetrievalBody.model_validate({"retrieval_mode": mode}),
        )
        scope = Scope(tenant.org_id, "bench", tenant.project_id)
        raw_ms.append(timed(lambda p=place, q=question: raws[p].ask(statement, q)))  # type: ignore[misc]
        product_ms.append(timed(lambda s=scope, r=request: service.query(s, r)))  # type: ignore[misc]
    figures = {}
    for share in (50, 95):
        ours, theirs = percentile(product_ms, share), percentile(raw_ms, share)
        figures[f"{mode}_p{share}_ms"] = round(ours, 2)
        figures[f"{mode}_raw_p{share}_ms"] = round(theirs, 2)
        figures[f"{mode}_p{share}_goal_ms"] = round(1.5 * theirs + 3, 2)
    return figures


def throughput(
    service: SearchService, asked: list[tuple[int, Tenant, Question]], clients: int
) -> float:
    """Queries per second of many threads in one process."""
    rest = list(asked)
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not rest:
                    return
                _, tenant, question = rest.pop()
            service.query(
                Scope(tenant.org_id, "bench", tenant.project_id), QueryRequest(query=question.text)
            )

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(asked) / (time.perf_counter() - started)


def prepare(
    postgres: DevPostgres, database: Database, of: Corpus, tenants: int, count: int
) -> tuple[SearchService, list[Raw], list[tuple[int, Tenant, Question]], Callable[[], None]]:
    built = build(database, of, tenants)
    connection = psycopg.connect(postgres.url(), autocommit=True)
    register_vector(connection)
    connection.execute("SET maintenance_work_mem = '512MB'")
    connection.execute("SET plan_cache_mode = force_custom_plan")
    raws = [Raw(connection, of, tenant) for tenant in built]
    given = GivenVectors()
    service = SearchService(database, given)  # type: ignore[arg-type]  # opens what the bench gives
    asked: list[tuple[int, Tenant, Question]] = []
    for place, tenant in enumerate(built):
        mine = questions(of, count // tenants + 1, tenant.start, tenant.end)
        asked += [(place, tenant, question) for question in mine]
    for _, _, question in asked:
        given.known[parse_query(SearchIntent(question.text)).embed_text] = question.vector
    asked.sort(key=lambda each: hash(each[2].text))
    return service, raws, asked, connection.close


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--queries", type=int, default=600)
    parser.add_argument("--clients", type=int, default=8)
    given = parser.parse_args()
    of = corpus(given.chunks)
    with laboratory(durable=given.durable) as (postgres, database):
        service, raws, asked, close = prepare(postgres, database, of, given.tenants, given.queries)
        figures: dict[str, object] = {"chunks": given.chunks, "tenants": given.tenants}
        for mode, statement in (("hybrid", RAW_HYBRID), ("vector", RAW_VECTOR)):
            compare(service, raws, asked[:50], mode, statement)
            figures |= compare(service, raws, asked, mode, statement)
        figures["queries_per_s"] = round(throughput(service, asked, given.clients), 1)
        figures["clients"] = given.clients
        close()
        report("queries", figures)


if __name__ == "__main__":
    main()
