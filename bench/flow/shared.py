"""One update shared by several processes on one PostgreSQL, one of them killed half way.

Run: python -m bench.flow.shared [--rows 100000] [--processes 2 4]
Prints for each number of processes how long it took, how the rows were shared, and whether every
row is in the target once. Rows come from a table of the same server; a function computes a little.
"""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg

from tests.postgres_server import running_postgres

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2, 4])
    options = parser.parse_args()
    server = running_postgres()
    source = server.create_database("shared_source")
    with psycopg.connect(source) as connection:
        connection.execute("CREATE TABLE item (id bigint PRIMARY KEY, text text NOT NULL)")
        connection.execute(
            "INSERT INTO item SELECT n, repeat('word ' || n || ' ', 20) "
            "FROM generate_series(1, %s) n",
            (options.rows,),
        )
    for number in options.processes:
        target = server.create_database(f"shared_target_{number}")
        state = server.create_database(f"shared_state_{number}")
        began = time.monotonic()
        kill = number > 1
        processes = [_start(source, state, target) for _ in range(number + kill)]
        if kill:
            # The last one is killed when a fifth of the rows is there.
            _wait_for_rows(target, options.rows // 5)
            processes[-1].send_signal(signal.SIGKILL)
            processes.pop().communicate()
        outputs = [process.communicate()[0] for process in processes]
        took = time.monotonic() - began
        shares = [_share(output) for output in outputs]
        with psycopg.connect(target) as connection:
            found = connection.execute("SELECT count(*), count(DISTINCT id) FROM made").fetchone()
        print(
            f"{number} process(es){', one more killed' if kill else ''}: {took:.1f} s, "
            f"{options.rows / took:.0f} rows/s, shares {shares}, in the target {found}",
            flush=True,
        )


def _start(source: str, state: str, target: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "bench.flow.programs.shared_rows", source, state, target],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT,
    )  # fmt: skip


def _wait_for_rows(target: str, rows: int) -> None:
    with psycopg.connect(target, autocommit=True) as connection:
        while True:
            exists = connection.execute("SELECT to_regclass('made')").fetchone()
            if exists and exists[0]:
                found = connection.execute("SELECT count(*) FROM made").fetchone()
                if found and found[0] >= rows:
                    return
            time.sleep(0.05)


def _share(output: str) -> int:
    line = next((line for line in output.splitlines() if line.startswith("{")), None)
    if line is None:
        raise SystemExit(output)
    counts = json.loads(line)["items"]
    return int(counts["num_insertions"] + counts["num_updates"] + counts["num_reprocesses"])


if __name__ == "__main__":
    main()
