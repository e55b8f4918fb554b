"""What many tables cost a PostgreSQL: its catalog, its files, and the memory of its backends."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from typing import Any

import psycopg

from coco_server.dev.postgres import DevPostgres

__all__ = ["allow_looking", "backend_memory", "catalogue", "dump", "files", "restart"]

_CATALOGS = ("pg_class", "pg_attribute", "pg_depend", "pg_shdepend", "pg_statistic", "pg_index")

_HELD = """
    SELECT count(*) FILTER (WHERE relkind = 'r'), count(*) FILTER (WHERE relkind = 'i'),
        count(*) FILTER (WHERE relkind = 't') FROM pg_class
"""

# Only the total of contexts that hold the same kind of thing is of interest.
_CONTEXTS = """
    SELECT CASE
        WHEN name IN ('CachedPlan', 'CachedPlanSource', 'CachedPlanQuery') THEN 'plans'
        WHEN name = 'CacheMemoryContext' THEN 'catalog'
        WHEN name IN ('index info', 'relation rules', 'row security descriptor') THEN 'relations'
        ELSE 'other' END AS kind, sum(total_bytes)
    FROM pg_backend_memory_contexts GROUP BY kind
"""


def catalogue(postgres: DevPostgres) -> dict[str, object]:
    """Relations of the database, and the bytes of the catalog that describes them."""
    with psycopg.connect(postgres.superuser_url("coco"), autocommit=True) as connection:
        tables, indexes, toast = _row(connection, _HELD)
        figures: dict[str, object] = {
            "tables": tables,
            "indexes": indexes,
            "toast_tables": toast,
        }
        total = 0
        for name in _CATALOGS:
            (size,) = _row(connection, "SELECT pg_total_relation_size(%s::regclass)", (name,))
            total += size
            figures[f"{name}_mb"] = round(size / 1e6, 1)
        figures["catalogs_mb"] = round(total / 1e6, 1)
        (size,) = _row(connection, "SELECT pg_database_size(current_database())")
        figures["database_mb"] = round(size / 1e6)
    return figures


def files(postgres: DevPostgres) -> dict[str, object]:
    """Files of all databases, and the bytes that the file system gives them."""
    count, held = 0, 0
    for folder, _, names in os.walk(postgres.directory / "data" / "base"):
        for name in names:
            count += 1
            held += (Path(folder) / name).stat().st_blocks * 512
    return {"files": count, "files_mb": round(held / 1e6)}


def allow_looking(postgres: DevPostgres) -> None:
    """Let the product's sessions look at their own memory."""
    with psycopg.connect(postgres.superuser_url("coco"), autocommit=True) as connection:
        connection.execute("GRANT pg_read_all_stats TO coco_system")


def backend_memory(connection: psycopg.Connection[Any]) -> dict[str, float]:
    """Megabytes of a connection's backend: private memory, and what its contexts hold."""
    with psycopg.ClientCursor(connection) as cursor:
        kinds = dict(cursor.execute(_CONTEXTS).fetchall())
    return {
        "private_mb": round(_private_bytes(connection.info.backend_pid) / 1e6, 1),
        **{f"{kind}_mb": round(int(size) / 1e6, 1) for kind, size in sorted(kinds.items())},
    }


def dump(postgres: DevPostgres, programs: Path) -> dict[str, object]:
    """Seconds of a dump of the schema alone, or what keeps it from being made."""
    started = time.perf_counter()
    done = subprocess.run(
        [programs / "pg_dump", "--schema-only", "-f", os.devnull, postgres.superuser_url("coco")],
        capture_output=True,
        check=False,
    )
    seconds = round(time.perf_counter() - started, 1)
    if done.returncode == 0:
        return {"dump_schema_s": seconds}
    said = done.stderr.decode(errors="replace").strip().splitlines()
    return {"dump_schema_failed": said[-1] if said else done.returncode, "dump_failed_s": seconds}


def restart(postgres: DevPostgres, *, kill: bool) -> float:
    """Seconds from a stop or a kill until the server answers again."""
    postgres.stop(kill=kill)
    started = time.perf_counter()
    postgres.start()
    return round(time.perf_counter() - started, 2)


def _private_bytes(process: int) -> int:
    """Memory of a process that is not shared: pages of the shared buffers do not count."""
    for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name == "RssAnon":
            return int(value.split()[0]) * 1024
    raise SystemExit("This benchmark reads /proc, as Linux has it.")


def _row(
    connection: psycopg.Connection[Any], statement: Any, values: tuple[object, ...] = ()
) -> Any:
    row = connection.execute(statement, values).fetchone()
    assert row is not None
    return row
