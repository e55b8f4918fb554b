"""What does a chunk take on disk, and what does its index cost to build?

Loads versions of several sizes, and reads from PostgreSQL the bytes of each table with its indexes,
the bytes of the HNSW index, and the processor seconds of loading and of sealing. The figures of
docs/scale.md are multiples of these.
"""

from __future__ import annotations

import time
from typing import Any

import psutil
import psycopg

from bench.local.report import Report
from bench.server.corpus import Corpus, corpus
from bench.server.lab import BATCH, arguments, laboratory, new_project
from coco_core.configs import DEFAULT_CONFIG
from coco_server.dev.postgres import DevPostgres
from coco_server.store import chunks, sealing, versions
from coco_server.store.session import Database

TABLES = ("source_chunks", "chunk_vectors", "postings", "chunk_names")


def load_and_seal(
    postgres: DevPostgres, database: Database, of: Corpus, size: int
) -> dict[str, object]:
    """Bytes and seconds for each chunk of a version of this size."""
    org_id, project_id = new_project(database, f"size {size}")
    with database.tenant(org_id) as session:
        version = versions.create(session, project_id, DEFAULT_CONFIG.config_id)
    started = _cpu(postgres)
    known: set[str] = set()
    for first in range(0, size, BATCH):
        last = min(first + BATCH, size)
        added = [each for each in of.documents(first, last) if each.doc_id not in known]
        known |= {each.doc_id for each in added}
        with database.tenant(org_id) as session:
            chunks.append(session, version, added, of.rows(first, last))
    loaded, clock = _cpu(postgres), time.perf_counter()
    with database.tenant(org_id) as session:
        # One process alone, so that its processor time is that of the build.
        ready = sealing.seal(session, version, helpers=0)
    sealed = _cpu(postgres)
    text = sum(len(each.content.encode()) for each in of.texts[:size])
    return {
        "text_bytes": round(text / size),
        **_bytes(postgres, ready.version_no, size),
        "load_cpu_us": round(1e6 * (loaded - started) / size),
        "seal_cpu_us": round(1e6 * (sealed - loaded) / size),
        "seal_s": round(time.perf_counter() - clock, 1),
    }


def _bytes(postgres: DevPostgres, number: int, size: int) -> dict[str, object]:
    figures: dict[str, object] = {}
    with psycopg.connect(postgres.superuser_url("coco"), autocommit=True) as connection:
        for name in TABLES:
            held = _size(connection, "pg_total_relation_size", f"{name}_{number}")
            figures[f"{name}_bytes"] = round(held / size)
        hnsw = _size(connection, "pg_relation_size", f"chunk_vectors_hnsw_{number}")
        figures["of_which_hnsw_bytes"] = round(hnsw / size)
    return figures


def _size(connection: psycopg.Connection[Any], function: str, name: str) -> int:
    """Bytes of a relation; 0 if there is none of this name."""
    statement = f"SELECT coalesce({function}(to_regclass(%s)), 0)"
    row = connection.execute(statement, (name,)).fetchone()  # type: ignore[call-overload]
    return int(row[0])


def _cpu(postgres: DevPostgres) -> float:
    """Processor seconds of this process, and of the database with all of its backends."""
    pid = int((postgres.directory / "data" / "postmaster.pid").read_text().splitlines()[0])
    times = [psutil.Process(pid).cpu_times()]
    times += [each.cpu_times() for each in psutil.Process(pid).children()]
    ended = times[0].children_user + times[0].children_system
    return time.process_time() + ended + sum(each.user + each.system for each in times)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[5_000, 20_000, 50_000])
    given = parser.parse_args()
    of = corpus(max(given.sizes))
    table = Report("server-sizes")
    with laboratory(durable=given.durable) as (postgres, database):
        for size in given.sizes:
            table.title(f"{size:,} chunks: for each")
            figures = load_and_seal(postgres, database, of, size)
            table.add(**{f"{name}_{size}": value for name, value in figures.items()})
    table.write()


if __name__ == "__main__":
    main()
