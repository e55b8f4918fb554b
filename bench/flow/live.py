"""Live mode: from saving a file to the row in the target; and a long run's memory and file sizes.

Run: python -m bench.flow.live [--files 10000] [--saves 200]            latency
     python -m bench.flow.live --minutes 30 --events 10000 [--files N]  a long run
The flow watches a folder, splits Markdown, and writes to SQLite; no model is involved.
"""

from __future__ import annotations

import argparse
import os
import random
import sqlite3
import statistics
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

import coco_flow
from coco_flow.setting import DatabaseConnectionSpec, Settings

WORDS = [f"w{number}" for number in range(2000)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--saves", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--events", type=int, default=10_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, rows = folder / "docs", folder / "rows.db"
        chance = random.Random(1)
        for number in range(options.files):
            path = _path(source, number)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_text(chance), encoding="utf-8")
        coco_flow.init(Settings(database=DatabaseConnectionSpec(url=str(folder / "state.db"))))
        flow = coco_flow.open_flow("Live", _definition(source, rows))
        flow.setup()
        began = time.perf_counter()
        with coco_flow.FlowLiveUpdater(flow) as updater:
            updater.next_status_updates()
            print(f"first pass over {options.files} files: {time.perf_counter() - began:.1f} s")
            connection = sqlite3.connect(rows)
            if options.minutes:
                _long_run(connection, folder, source, chance, options)
            else:
                _latency(connection, source, chance, options)
            connection.close()


def _definition(source: Path, rows: Path) -> Any:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        from coco_flow import functions, sources, targets

        scope["docs"] = builder.add_source(
            sources.LocalFile(path=str(source), watch_changes=True),
            refresh_interval=timedelta(seconds=60),
        )
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["chunks"] = doc["content"].transform(
                functions.SplitRecursively(), language="markdown", chunk_size=1000
            )
            with doc["chunks"].row() as chunk:
                out.collect(
                    filename=doc["filename"], location=chunk["location"], text=chunk["text"]
                )
        out.export(
            "rows", targets.SQLite(path=str(rows), table_name="rows"),
            primary_key_fields=["filename", "location"],
        )  # fmt: skip

    return define


def _latency(
    connection: sqlite3.Connection, source: Path, chance: random.Random, options: Any
) -> None:
    waits = []
    for number in range(options.saves):
        name, mark = chance.randrange(options.files), f"mark{number}"
        began = time.perf_counter()
        _path(source, name).write_text(f"{mark} {_text(chance)}", encoding="utf-8")
        waits.append(_seen(connection, _key(name), mark) - began)
    waits.sort()
    print(
        f"{len(waits)} saves: p50 {statistics.median(waits) * 1000:.0f} ms, "
        f"p95 {waits[int(len(waits) * 0.95)] * 1000:.0f} ms, max {waits[-1] * 1000:.0f} ms"
    )


def _long_run(
    connection: sqlite3.Connection, folder: Path, source: Path, chance: random.Random, options: Any
) -> None:
    process = psutil.Process(os.getpid())
    end = time.monotonic() + options.minutes * 60
    pause = options.minutes * 60 / options.events
    reported = 0.0
    done = 0
    while done < options.events:
        name = chance.randrange(options.files)
        path = _path(source, name)
        if chance.random() < 0.1 and path.exists():
            path.unlink()
        else:
            path.write_text(_text(chance), encoding="utf-8")
        done += 1
        time.sleep(max(min(pause, (end - time.monotonic()) / max(options.events - done, 1)), 0))
        if time.monotonic() - reported > options.minutes * 6:
            reported = time.monotonic()
            sizes = {p.name: p.stat().st_size >> 10 for p in folder.iterdir() if p.is_file()}
            print(
                f"{done} events: RSS {process.memory_info().rss >> 20} MB, "
                f"open files {process.num_fds()}, threads {process.num_threads()}, KB {sizes}",
                flush=True,
            )
    path = _path(source, 0)
    path.write_text("the last mark", encoding="utf-8")
    _seen(connection, _key(0), "the last mark")
    found = connection.execute("SELECT COUNT(DISTINCT filename) FROM rows").fetchone()[0]
    present = sum(1 for file in source.rglob("*.md") if file.is_file())
    print(f"at the end {present} files, {found} of them in the target")


def _seen(connection: sqlite3.Connection, key: str, mark: str) -> float:
    """Return when the row with that text is in the target."""
    deadline = time.perf_counter() + 60
    while time.perf_counter() < deadline:
        found = connection.execute(
            "SELECT 1 FROM rows WHERE filename = ? AND text LIKE ?", (key, f"{mark}%")
        ).fetchone()
        if found:
            return time.perf_counter()
        time.sleep(0.002)
    raise SystemExit(f"{key} was not updated within 60 s")


def _key(number: int) -> str:
    return f"d{number % 100}/f{number}.md"


def _path(source: Path, number: int) -> Path:
    return source / _key(number)


def _text(chance: random.Random) -> str:
    return "\n\n".join(" ".join(chance.choices(WORDS, k=60)) for _ in range(6))


if __name__ == "__main__":
    main()
