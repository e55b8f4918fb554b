"""Several processes on one PostgreSQL share the batches of a run."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_flow.models import TableReader, read_events
from coco_flow.models.database import database_of
from tests.model_parts import no_models
from tests.postgres_server import running_postgres
from tests.waiting import until

# Its tables are those of other processes: here another pipeline has some of the same names.
with no_models():
    from tests.coco_flow.models.durable import shared_pipeline

DOCUMENTS = 60
_numbers = itertools.count(1)
COMMAND = (sys.executable, "-m", "tests.coco_flow.models.durable.shared_pipeline")


@pytest.fixture
def url() -> Iterator[str]:
    found = running_postgres().create_database(f"shared_{next(_numbers)}")
    shared_pipeline.fill(found, DOCUMENTS)
    yield found
    database_of(found).close()


def test_a_killed_process_loses_nothing_and_repeats_nothing(url: str, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.write_text("")
    environment = {**os.environ, shared_pipeline.CALLS: str(calls)}

    def start(*arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *arguments], env=environment, stdout=subprocess.PIPE, text=True
        )

    def called(process: subprocess.Popen[str]) -> int:
        return sum(line.startswith(f"{process.pid} ") for line in calls.read_text().splitlines())

    with start("work", url) as worker, start("work", url) as other:
        assert worker.stdout is not None and other.stdout is not None
        try:
            assert worker.stdout.readline() == other.stdout.readline() == "ready\n"
            with start("run", url, "first") as run:
                until(lambda: called(worker) >= 3, 120)
                worker.send_signal(signal.SIGKILL)
                out, _ = run.communicate(timeout=200)
            assert out.startswith("success"), out
            assert called(other)
        finally:
            worker.kill()
            other.terminate()
    rows = TableReader(database=url).query("SELECT document_id FROM shouts ORDER BY document_id")
    assert list(rows["document_id"]) == [f"d{number:04}" for number in range(DOCUMENTS)]
    # Only what was under way in the killed process was begun twice.
    again = {
        document: count
        for document, count in Counter(
            line.split()[1] for line in calls.read_text().splitlines()
        ).items()
        if count > 1
    }
    assert len(again) <= 2
    events = list(read_events(database_of(url), "first"))
    logged = {event.message for event in events if event.kind == "log"}
    assert {f"process {other.pid}"} <= logged
    assert [event.kind for event in events if event.model is None] == ["ended"]


def test_a_worker_finishes_a_run_whose_process_was_killed(url: str, tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    calls.write_text("")
    environment = {**os.environ, shared_pipeline.CALLS: str(calls)}
    with subprocess.Popen(
        [*COMMAND, "run", url, "orphan"], env=environment, stdout=subprocess.DEVNULL
    ) as run:
        until(lambda: len(calls.read_text().splitlines()) >= 2, 120)
        run.send_signal(signal.SIGKILL)
    with subprocess.Popen(
        [*COMMAND, "work", url], env=environment, stdout=subprocess.DEVNULL
    ) as worker:
        try:
            ended = [
                event
                for event in read_events(database_of(url), "orphan", follow=True)
                if event.model is None
            ]
        finally:
            worker.terminate()
    assert [event.kind for event in ended] == ["ended"]
    assert TableReader(database=url).count("shouts") == DOCUMENTS
