"""A run that is killed at any statement goes on where it stopped, and nothing is done twice."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sqlite3
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.model_parts import no_models

# Its tables are those of other processes: here another pipeline has some of the same names.
with no_models():
    from tests.coco_flow.models.durable import killed_pipeline

Run = Callable[..., tuple[int, int]]

# More find more: COCO_KILLS=500 pytest tests/coco_flow/models/durable/test_kills.py.
KILLS = int(os.environ.get("COCO_KILLS", "8"))

COLUMNS = {
    "words": "document_id, position, word",
    "visits": "document_id, words",
    "lengths": "document_id, letters",
    "totals": "word, count",
}


@pytest.fixture(scope="module")
def run() -> Run:
    """Run the pipeline in a process of its own; returns exit code and number of statements."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["tests.coco_flow.models.durable.killed_pipeline"])

    def start(
        url: str, calls: Path, name: str, mode: str, end_at: int | None = None
    ) -> tuple[int, int]:
        # Without a lock, which a killed process would keep; a lost step does no harm.
        steps = processes.Value("i", 0, lock=False)
        process = processes.Process(
            target=killed_pipeline.run, args=(url, calls, name, mode, end_at, steps)
        )
        process.start()
        process.join()
        assert process.exitcode is not None
        return process.exitcode, steps.value

    return start


def contents(path: Path) -> dict[str, Counter[Any]]:
    """Return the rows of every table, without what says which run wrote them."""
    with sqlite3.connect(path) as connection:
        found = {
            table: Counter(connection.execute(f"SELECT {columns} FROM {table}"))
            for table, columns in COLUMNS.items()
        }
    connection.close()
    return found


def texts(chance: random.Random) -> dict[str, str]:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    return {
        f"d{number}": " ".join(chance.choices(words, k=chance.randint(1, 6)))
        for number in chance.sample(range(20), 10)
    }


def test_a_killed_run_ends_like_an_undisturbed_one(tmp_path: Path, run: Run) -> None:
    chance = random.Random(KILLS)
    path, calls = tmp_path / "models.db", tmp_path / "calls"
    url = f"sqlite:///{path}"
    killed_pipeline.fill(url, texts(chance))
    code, steps = run(url, calls, "first", "full")
    assert code == 0
    kills = number = 0
    while kills < KILLS:
        number += 1
        given = texts(chance)
        killed_pipeline.fill(url, given)
        visited = contents(path)["visits"]
        calls.write_text("")
        name, tries = f"run{number}", 0
        mode = chance.choice(("full", "delta"))
        # Most runs are killed once, some again while they go on.
        for _ in range(chance.choice((1, 1, 2, 3))):
            code, _ = run(url, calls, name, mode, chance.randint(1, steps))
            kills += code == -signal.SIGKILL
            tries += 1
        code, _ = run(url, calls, name, mode)
        assert code == 0
        fresh = tmp_path / f"fresh{number}.db"
        killed_pipeline.fill(f"sqlite:///{fresh}", given)
        assert run(f"sqlite:///{fresh}", tmp_path / "others", "fresh", "full")[0] == 0
        ours, theirs = contents(path), contents(fresh)
        # An append adds to what was there; each document of this run once and no more.
        added = ours.pop("visits") - visited
        full = theirs.pop("visits")
        assert ours == theirs, f"{name} after {kills} kills"
        assert not added - full
        if mode == "full":
            assert added == full
        once = Counter(calls.read_text().splitlines())
        # What was under way when the process was killed is called again, the rest is not.
        assert all(count <= tries + 1 for count in once.values())


def test_a_recorded_model_is_not_called_again(tmp_path: Path, run: Run) -> None:
    """Kill at each statement in turn; a model with a record in the database stays as it is."""
    path, calls = tmp_path / "models.db", tmp_path / "calls"
    url = f"sqlite:///{path}"
    killed_pipeline.fill(url, {f"d{number}": "one two three" for number in range(6)})
    code, steps = run(url, calls, "whole", "full")
    assert code == 0
    chance = random.Random(2)
    for number in sorted(chance.sample(range(1, steps), KILLS)):
        name = f"at{number}"
        calls.write_text("")
        run(url, calls, name, "full", number)
        with sqlite3.connect(path) as connection:
            recorded = {
                (model, batch)
                for model, batch in connection.execute(
                    "SELECT model, batch FROM coco_model_results WHERE run = ?", (name,)
                )
            }
        connection.close()
        calls.write_text("")
        assert run(url, calls, name, "full")[0] == 0
        called = {line.split()[0] for line in calls.read_text().splitlines()}
        done = {model for model, batch in recorded if batch == -1}
        assert not called & done, f"killed at statement {number}"
