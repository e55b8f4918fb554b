"""Table models: a million rows through two models, a delta against a full run, parallel models.

Run: python -m bench.flow.models rows [--rows 1000000] [--documents 10000] [--rounds 3] [--dbt DBT]
     python -m bench.flow.models delta [--documents 1000] [--edited 10] [--deleted 5]
     python -m bench.flow.models parallel
`rows` compares with the same two steps by hand (pandas' chunks between SQLite tables) and, if the
path of a `dbt` with dbt-duckdb is given, with dbt; they take turns in each round. `--json FILE`
writes the figures to a file.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.flow.programs import model_delta, model_parallel

ROOT = Path(__file__).resolve().parents[2]
WORDS = [f"Word{number}" for number in range(2000)]
CREATE_EVENTS = (
    "CREATE TABLE events (id INTEGER PRIMARY KEY, document_id TEXT NOT NULL, "
    "position INTEGER NOT NULL, text TEXT NOT NULL, amount REAL NOT NULL)"
)
TOTALS = "SELECT document_id, events, words, cents FROM document_totals ORDER BY document_id"

DBT_FILES = {
    "dbt_project.yml": "name: bench\nprofile: bench\nversion: '1.0'\n"
    "models:\n  bench:\n    +materialized: table\n",
    "profiles.yml": "bench:\n  target: main\n  outputs:\n    main:\n      type: duckdb\n"
    "      path: rows.duckdb\n      threads: 2\n",
    "models/cleaned_events.sql": """
        SELECT document_id, position, lower(trim(text)) AS text,
            length(trim(text)) - length(replace(trim(text), ' ', '')) + 1 AS words,
            CAST(round_even(amount * 100, 0) AS BIGINT) AS cents
        FROM events""",
    "models/document_totals.sql": """
        SELECT document_id, count(*) AS events, sum(words) AS words, sum(cents) AS cents
        FROM {{ ref('cleaned_events') }} GROUP BY document_id""",
}


@dataclass
class Contender:
    """A way to do the work, and what was measured of it: seconds, CPU seconds, peak MB."""

    name: str
    command: Callable[[Path], list[str]]
    figures: list[tuple[float, float, float]] = field(default_factory=list)

    @property
    def medians(self) -> dict[str, float]:
        """The medians of the rounds."""
        names = ("seconds", "cpu_seconds", "peak_mb")
        return {
            name: round(statistics.median(figure[place] for figure in self.figures), 2)
            for place, name in enumerate(names)
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    rows = commands.add_parser("rows")
    rows.add_argument("--rows", type=int, default=1_000_000)
    rows.add_argument("--documents", type=int, default=10_000)
    rows.add_argument("--rounds", type=int, default=3)
    rows.add_argument(
        "--dbt", type=Path, help="a dbt with dbt-duckdb, in an environment of its own"
    )
    delta = commands.add_parser("delta")
    delta.add_argument("--documents", type=int, default=1000)
    delta.add_argument("--edited", type=int, default=10)
    delta.add_argument("--deleted", type=int, default=5)
    commands.add_parser("parallel")
    for command in commands.choices.values():
        command.add_argument("--json", type=Path, help="where to write the figures")
    options = parser.parse_args()
    measure = {"rows": measure_rows, "delta": measure_delta, "parallel": measure_parallel}
    with tempfile.TemporaryDirectory() as folder:
        figures = measure[options.command](Path(folder), options)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def measure_rows(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    events = folder / "events.db"
    make_events(events, options.rows, options.documents)
    program = [sys.executable, "-m", "bench.flow.programs.model_rows"]
    contenders = [
        Contender("models, first run", lambda work: [*program, url(work), "full"]),
        Contender("models, full run again", lambda work: [*program, url(work), "full"]),
        Contender("models, delta without change", lambda work: [*program, url(work), "delta"]),
        Contender(
            "pandas and SQL",
            lambda work: [
                sys.executable, "-m", "bench.flow.programs.pandas_rows", str(work / "plain.db")
            ],
        ),
    ]  # fmt: skip
    if options.dbt:
        dbt = str(options.dbt.absolute())
        contenders.append(Contender("dbt-duckdb", lambda _: [dbt, "--quiet", "run"]))
        prepare_dbt(folder / "dbt", events, options.dbt)
    for _ in range(options.rounds):
        work = folder / "work"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        shutil.copy(events, work / "models.db")
        shutil.copy(events, work / "plain.db")
        if options.dbt:
            shutil.copytree(folder / "dbt", work, dirs_exist_ok=True)
        for contender in contenders:
            contender.figures.append(measured(contender.command(work), work))
        check_totals(work, options.dbt)
    print(f"{options.rows} rows of {options.documents} documents, medians of {options.rounds}")
    print("| | seconds | CPU seconds | peak memory, MB |\n|---|---|---|---|")
    for contender in contenders:
        found = contender.medians
        print(
            f"| {contender.name} | " + " | ".join(f"{value:g}" for value in found.values()) + " |"
        )
    return {contender.name: contender.medians for contender in contenders}


def url(work: Path) -> str:
    return f"sqlite:///{work / 'models.db'}"


def make_events(path: Path, rows: int, documents: int) -> None:
    """Write the source table: a thousandth of texts repeat nothing, amounts have three decimals."""
    chance = random.Random(1)
    share = max(rows // documents, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(CREATE_EVENTS)
    connection.executemany(
        "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
        (
            (
                number, f"d{number // share:07}", number % share,
                f"  {' '.join(chance.choices(WORDS, k=chance.randint(4, 12)))} ",
                round(chance.random() * 1000, 3),
            )
            for number in range(rows)
        ),
    )  # fmt: skip
    connection.execute("CREATE INDEX events_document ON events (document_id)")
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def prepare_dbt(folder: Path, events: Path, dbt: Path) -> None:
    """Make a dbt project, with the events in its own database."""
    for name, text in DBT_FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    table = folder / "events.csv"
    connection = sqlite3.connect(events)
    with table.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "document_id", "position", "text", "amount"])
        writer.writerows(connection.execute("SELECT * FROM events"))
    connection.close()
    load = (
        "import duckdb; duckdb.connect('rows.duckdb').execute(\"CREATE TABLE events AS "
        "SELECT * FROM read_csv('events.csv', types={'document_id': 'VARCHAR'})\")"
    )
    subprocess.run([dbt.with_name("python"), "-c", load], cwd=folder, check=True)
    table.unlink()


def check_totals(work: Path, dbt: Path | None) -> None:
    """End the program if the contenders came to different results."""
    found = [rows_of(work / name, TOTALS) for name in ("models.db", "plain.db")]
    if dbt:
        code = f"import duckdb; print(duckdb.connect('rows.duckdb').sql({TOTALS!r}).fetchall())"
        done = subprocess.run(
            [dbt.with_name("python"), "-c", code], cwd=work, check=True, capture_output=True,
            text=True,
        )  # fmt: skip
        found.append(eval(done.stdout))
    if any(other != found[0] for other in found):
        raise SystemExit("the results differ")


def rows_of(path: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(path)
    rows = connection.execute(query).fetchall()
    connection.close()
    return rows


def measured(command: list[str], work: Path) -> tuple[float, float, float]:
    """Run a program to its end; return its seconds, CPU seconds and peak memory in MB."""
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": search_path, "DBT_SEND_ANONYMOUS_USAGE_STATS": "0"}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, cwd=work, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip
    assert process.stdout is not None
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command} failed ({status}):\n{output[-3000:]}")
    seconds = time.perf_counter() - began
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def measure_delta(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    figures = model_delta.compare(folder, options.documents, options.edited, options.deleted)
    print(
        f"{options.documents} documents, {options.edited} edited, {options.deleted} deleted; "
        f"tables {'equal' if figures['equal'] else 'DIFFER'}"
    )
    print("| run | seconds | documents processed | rows written | inserted | updated | deleted |")
    print("|---|---|---|---|---|---|---|")
    for name in ("first", "delta", "full"):
        found = figures[name]
        print(f"| {name} | " + " | ".join(str(value) for value in found.values()) + " |")
    if not figures["equal"]:
        raise SystemExit("a delta run and a full run came to different tables")
    return figures


def measure_parallel(folder: Path, _: argparse.Namespace) -> dict[str, Any]:
    figures = model_parallel.compare(f"sqlite:///{folder / 'models.db'}")
    print("| models | seconds |\n|---|---|")
    for name, seconds in figures.items():
        print(f"| {name} | {seconds:.2f} |")
    return figures


if __name__ == "__main__":
    main()
