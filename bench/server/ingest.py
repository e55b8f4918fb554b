"""How fast are rows with given vectors loaded and indexed, against bare COPY plus index builds?

Bare COPY writes id, document, content and vector into one table, with a generated tsvector and a
GIN index for keywords, and builds HNSW as the product does: what a program without CoCo would do
for the same two kinds of search. The product counts its terms, its own inverted index, row-level
security, quotas and the switch of versions. Both run in turns on the same server.
"""

from __future__ import annotations

import time

import psycopg
from pgvector.psycopg import register_vector

from bench.server.corpus import DIMENSION, Corpus, corpus, terms_of
from bench.server.lab import arguments, laboratory, load, new_project, report
from coco_server.dev.postgres import DevPostgres
from coco_server.store.session import Database


def bare(postgres: DevPostgres, of: Corpus, number: int, *, keywords: bool) -> dict[str, float]:
    table = f"bare_{number}"
    with psycopg.connect(postgres.url("coco"), autocommit=True) as connection:
        register_vector(connection)
        generated = (
            ", words tsvector GENERATED ALWAYS AS (to_tsvector('simple', content)) STORED"
            if keywords
            else ""
        )
        connection.execute("SET maintenance_work_mem = '512MB'")
        connection.execute(
            f"CREATE TABLE {table} (id int PRIMARY KEY, doc text, content text, "
            f"embedding vector({DIMENSION}){generated})"
        )
        connection.execute(f"ALTER TABLE {table} ALTER embedding SET STORAGE PLAIN")
        started = time.perf_counter()
        with (
            connection.cursor() as cursor,
            cursor.copy(
                f"COPY {table} (id, doc, content, embedding) FROM STDIN (FORMAT BINARY)"
            ) as copy,
        ):
            copy.set_types(["int4", "text", "text", "vector"])
            for i, text in enumerate(of.texts):
                copy.write_row((i, text.doc_id, text.content, of.vectors[i]))
        copied = time.perf_counter()
        if keywords:
            connection.execute(f"CREATE INDEX ON {table} USING gin (words)")
        connection.execute(
            f"CREATE INDEX ON {table} USING hnsw ((embedding::halfvec({DIMENSION})) halfvec_ip_ops)"
        )
        done = time.perf_counter()
        connection.execute(f"DROP TABLE {table}")
    return {"copy_s": copied - started, "index_s": done - copied, "total_s": done - started}


def product(database: Database, of: Corpus, number: int) -> dict[str, float]:
    org_id, project_id = new_project(database, f"ingest {number}")
    started = time.perf_counter()
    fresh = Corpus(of.texts, [terms_of(text) for text in of.texts], of.vectors)
    counted = time.perf_counter()
    load(database, fresh, org_id, project_id, 0, len(of.texts))
    done = time.perf_counter()
    return {"terms_s": counted - started, "store_s": done - counted, "total_s": done - started}


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=1)
    given = parser.parse_args()
    of = corpus(given.rows)
    found: dict[str, list[dict[str, float]]] = {"vectors": [], "both": [], "product": []}
    with laboratory(durable=given.durable) as (postgres, database):
        for number in range(given.rounds):
            found["vectors"].append(bare(postgres, of, 2 * number, keywords=False))
            found["product"].append(product(database, of, number))
            found["both"].append(bare(postgres, of, 2 * number + 1, keywords=True))
    best = {name: min(each["total_s"] for each in runs) for name, runs in found.items()}
    report(
        "ingest",
        {
            "rows": given.rows,
            "runs": found,
            "rows_per_s": {name: round(given.rows / total) for name, total in best.items()},
            "share_of_bare_with_keywords": round(best["both"] / best["product"], 3),
            "share_of_bare_vectors_only": round(best["vectors"] / best["product"], 3),
        },
    )


if __name__ == "__main__":
    main()
