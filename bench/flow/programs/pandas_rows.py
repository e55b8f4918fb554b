"""The two steps of `model_rows` by hand: `read_sql` and `to_sql` in chunks, tables swapped."""

from __future__ import annotations

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterable, Iterator

import pandas as pd

from bench.flow.programs.row_steps import cleaned_frame, summed

CHUNK = 50_000
TABLES = {
    "cleaned_events": "document_id TEXT NOT NULL, position INTEGER NOT NULL, text TEXT NOT NULL, "
    "words INTEGER NOT NULL, cents INTEGER NOT NULL, PRIMARY KEY (document_id, position)",
    "document_totals": "document_id TEXT PRIMARY KEY, events INTEGER NOT NULL, "
    "words INTEGER NOT NULL, cents INTEGER NOT NULL",
}


def main(path: str) -> None:
    began = time.perf_counter()
    rebuild(path, "cleaned_events", "events", lambda frames: map(cleaned_frame, frames))
    rebuild(path, "document_totals", "cleaned_events", lambda frames: [summed(frames)])
    print(json.dumps({"seconds": time.perf_counter() - began}))


def rebuild(
    path: str,
    table: str,
    source: str,
    derive: Callable[[Iterator[pd.DataFrame]], Iterable[pd.DataFrame]],
) -> None:
    """Fill a new table in chunks, and put it into the place of the old one."""
    reading, writing = sqlite3.connect(path), sqlite3.connect(path)
    writing.execute("PRAGMA journal_mode = WAL")
    writing.execute("PRAGMA synchronous = FULL")
    writing.execute(f"DROP TABLE IF EXISTS {table}_new")
    writing.execute(f"CREATE TABLE {table}_new ({TABLES[table]})")
    rows = pd.read_sql(f"SELECT * FROM {source}", reading, chunksize=CHUNK)
    for frame in derive(rows):
        frame.to_sql(f"{table}_new", writing, if_exists="append", index=False)
    reading.close()
    with writing:
        writing.execute("BEGIN")
        writing.execute(f"DROP TABLE IF EXISTS {table}")
        writing.execute(f"ALTER TABLE {table}_new RENAME TO {table}")
    writing.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
