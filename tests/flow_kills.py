"""Kills updates at random moments and compares what is left, after one more, with a fresh build.

Used by the test in CI with few kills, and by `bench/flow/kills.py` with many.
"""

from __future__ import annotations

import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["KillReport", "contents", "kill_updates", "start_update", "write_text"]


@dataclass
class KillReport:
    """What happened: kills by the phase they hit, and the differences that were found."""

    kills: int = 0
    ended_before: int = 0
    staged: int = 0
    differences: list[str] = field(default_factory=list)


def kill_updates(
    folder: Path,
    kind: str,
    *,
    kills: int,
    files: int,
    seed: int,
    new_target: Callable[[str], str],
    state: Callable[[str], str] | None = None,
) -> KillReport:
    """Edit, start an update, kill it; every few kills let one finish and compare.

    Args:
        folder: Empty folder for sources and state.
        kind: A kind of target that `killed_flow` knows.
        kills: How many updates to kill.
        files: How many files the source has at first.
        seed: Of the random edits and moments.
        new_target: Makes an empty target of a name and returns its path or URL.
        state: The same for the state store; a SQLite file by default.
    """
    chance = random.Random(seed)
    source = folder / "source"
    source.mkdir()
    for number in range(files):
        write_text(chance, source / f"{number}.md")
    report = KillReport()
    state_url = state("main") if state else str(folder / "state.db")
    target = new_target("main")
    duration = 1.0
    since_check = 0
    while report.kills < kills:
        _edit(chance, source)
        killed, ran = _run_and_kill(source, state_url, target, kind, chance.random() * duration)
        report.kills += killed
        report.ended_before += not killed
        if not killed:
            duration = max(ran, 0.02)
        if state is None:
            report.staged += _has_staged_rows(folder / "state.db")
        since_check += 1
        if since_check == 5 or report.kills == kills:
            since_check = 0
            _finish(source, state_url, target, kind)
            number = report.kills
            fresh_state = state(f"fresh{number}") if state else str(folder / "fresh.db")
            fresh = new_target(f"fresh{number}")
            _finish(source, fresh_state, fresh, kind)
            report.differences += _differences(
                contents(kind, target), contents(kind, fresh), number
            )
            if state is None:
                for left in folder.glob("fresh.db*"):
                    left.unlink()
    return report


def contents(kind: str, target: str) -> dict[str, Any]:
    """Return the rows of a target by their key, as text."""
    if kind == "sqlite":
        with sqlite3.connect(target) as connection:
            rows = connection.execute("SELECT id, number, upper FROM parts").fetchall()
        connection.close()
        return {str(row[0]): tuple(row[1:]) for row in rows}
    if kind == "files":
        root = Path(target)
        return {
            str(path.relative_to(root)): path.read_text(encoding="utf-8")
            for path in root.rglob("*")
            if path.is_file() and not path.name.startswith(".")
        }
    if kind == "lancedb":
        import lancedb

        table = lancedb.connect(target).open_table("parts")
        return {
            str(row["id"]): (row["number"], row["upper"]) for row in table.to_arrow().to_pylist()
        }
    if kind == "postgres":
        import psycopg

        with psycopg.connect(target) as connection:
            rows = connection.execute("SELECT id, number, upper FROM parts").fetchall()
        return {str(row[0]): tuple(row[1:]) for row in rows}
    from qdrant_client import QdrantClient

    from tests.qdrant_server import API_KEY

    url, _, collection = target.partition("|")
    with warnings.catch_warnings(action="ignore"):
        client = QdrantClient(url=url, api_key=API_KEY, check_compatibility=False)
    try:
        found, _ = client.scroll(collection, limit=100_000, with_payload=True)
    finally:
        client.close()
    return {str(point.id): point.payload for point in found}


def _run_and_kill(
    source: Path, state: str, target: str, kind: str, after: float
) -> tuple[bool, float]:
    """Start an update and kill it `after` seconds into it; return whether it was killed in time."""
    process = start_update(source, state, target, kind)
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("READY"), line + process.stdout.read()
    began = time.monotonic()
    try:
        process.wait(timeout=after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    output = process.stdout.read()
    process.wait()
    process.stdout.close()
    done = output.startswith("DONE")
    assert done or process.returncode == -signal.SIGKILL, output
    return not done, time.monotonic() - began


def _finish(source: Path, state: str, target: str, kind: str) -> None:
    process = start_update(source, state, target, kind)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output


def start_update(
    source: Path, state: str, target: str, kind: str, mode: str = "alone"
) -> subprocess.Popen[str]:
    """Start a process that updates the flow of `killed_flow` once."""
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "tests.coco_flow.engine.killed_flow",
            str(source),
            state,
            target,
            kind,
            mode,
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        cwd=Path(__file__).resolve().parent.parent,
    )


def _edit(chance: random.Random, source: Path) -> None:
    paths = sorted(source.iterdir())
    for path in chance.sample(paths, min(len(paths), max(len(paths) // 3, 1))):
        if chance.random() < 0.2 and len(paths) > 5:
            path.unlink()
        else:
            write_text(chance, path)
    write_text(chance, source / f"new{chance.randint(0, 30)}.md")


def write_text(chance: random.Random, path: Path) -> None:
    """Write a few random paragraphs."""
    parts = [
        " ".join(chance.choices(["alpha", "beta", "gamma", "delta"], k=chance.randint(1, 12)))
        for _ in range(chance.randint(1, 6))
    ]
    path.write_text("\n\n".join(parts), encoding="utf-8")


def _has_staged_rows(path: Path) -> bool:
    with sqlite3.connect(path) as connection:
        found = connection.execute("SELECT COUNT(*) FROM source_row WHERE staging IS NOT NULL")
        count = found.fetchone()[0]
    connection.close()
    return bool(count)


def _differences(left: dict[str, Any], right: dict[str, Any], number: int) -> list[str]:
    return [
        f"after {number} kills: {key}: {left.get(key)!r} is not {right.get(key)!r}"
        for key in sorted({*left, *right})
        if left.get(key) != right.get(key)
    ]


def remove(path: str) -> None:
    """Remove a file or folder of a target."""
    place = Path(path)
    if place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
