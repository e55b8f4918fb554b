"""How long does a query over long notes take, and does it depend on other users' notes?

Three hundred notes of 100,000 characters each are kept for one user, and as many short ones for
each of many others; then one user's notes are queried with few and with many words.
"""

from __future__ import annotations

import random
import time

from bench.server.lab import arguments, laboratory, new_project, report
from coco_server.store import memos
from coco_server.store.session import Scope


def text(words: int, seed: int) -> str:
    chosen = random.Random(seed)
    return " ".join(f"word{int(chosen.paretovariate(0.6)) % 20_000}" for _ in range(words))


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--notes", type=int, default=300)
    parser.add_argument("--words", type=int, default=11_000, help="of each note")
    parser.add_argument("--others", type=int, default=100, help="users with as many short notes")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    with laboratory(durable=given.durable) as (_, database):
        org_id, project_id = new_project(database, "memos")
        begun = time.perf_counter()
        with database.tenant(org_id) as session:
            owner, _ = memos.open_session(session, Scope(org_id, "ann", project_id), ttl_seconds=60)
        for number in range(given.notes):
            with database.tenant(org_id) as session:
                memos.create(session, owner, text(given.words, number)[:100_000])
        written = time.perf_counter() - begun
        for user in range(given.others):
            with database.tenant(org_id) as session:
                scope = Scope(org_id, f"user{user}", project_id)
                other, _ = memos.open_session(session, scope, ttl_seconds=60)
                for number in range(given.notes):
                    memos.create(session, other, text(20, number))
        found: dict[str, float] = {}
        for name, count in (("few_words_ms", 3), ("many_words_ms", 1_500)):
            times = []
            for round_ in range(given.rounds):
                query = text(count, 10_000 + round_)
                begun = time.perf_counter()
                with database.tenant(org_id) as session:
                    memos.search(session, owner, query, tags=(), most=10)
                times.append(time.perf_counter() - begun)
            found[name] = round(sorted(times)[len(times) // 2] * 1000, 1)
        with database.system() as session:
            row = session.connection.execute(
                "SELECT pg_total_relation_size('memo_terms'), (SELECT count(*) FROM memo_terms)"
            ).fetchone()
        assert row is not None
        report(
            "memo-queries",
            {
                "notes": given.notes,
                "words_of_a_note": given.words,
                "write_ms_a_note": round(written / given.notes * 1000, 1),
                **found,
                "index_megabytes": round(row[0] / 1e6, 1),
                "index_rows": row[1],
            },
        )


if __name__ == "__main__":
    main()
