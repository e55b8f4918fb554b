"""Several processes share one update; one of them is killed."""

from __future__ import annotations

import json
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.flow_kills import contents, start_update, write_text
from tests.postgres_server import running_postgres

ROWS = 1500


def _folder_of_texts(folder: Path, rows: int) -> Path:
    chance = random.Random(3)
    folder.mkdir()
    for number in range(rows):
        write_text(chance, folder / f"{number}.md")
    return folder


def _in_postgres(_folder: Path) -> Callable[[str], str]:
    server = running_postgres()
    return lambda name: server.create_database(f"shared_{name}")


def _in_sqlite(folder: Path) -> Callable[[str], str]:
    return lambda name: str(folder / f"{name}.db")


@pytest.mark.parametrize(("kind", "place"), [("postgres", _in_postgres), ("sqlite", _in_sqlite)])
def test_rows_are_shared_and_those_of_a_killed_process_taken_over(
    tmp_path: Path, kind: str, place: Callable[[Path], Callable[[str], str]]
) -> None:
    source = _folder_of_texts(tmp_path / "source", ROWS)
    make = place(tmp_path)
    state, target, fresh = make("state"), make("target"), make("fresh")
    one = start_update(source, state, target, kind, "shared")
    assert one.stdout is not None
    assert one.stdout.readline().startswith("READY")
    others = [start_update(source, state, target, kind, "shared") for _ in range(2)]
    victim = others[0]
    assert victim.stdout is not None
    assert victim.stdout.readline().startswith("READY")
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    outputs = [process.communicate(timeout=100)[0] for process in (one, others[1])]
    assert all(process.returncode == 0 for process in (one, others[1])), outputs
    alone, _ = start_update(source, make("fresh_state"), fresh, kind).communicate(timeout=100)
    assert "DONE" in alone, alone
    assert contents(kind, target) == contents(kind, fresh)
    done = [_counts(output) for output in outputs if "DONE" in output]
    assert sum(done) <= ROWS, "no row is counted by two processes"


def _counts(output: str) -> int:
    line = next(line for line in output.splitlines() if line.startswith("DONE"))
    return int(json.loads(line[5:].replace("'", '"'))["docs"]["num_insertions"])
