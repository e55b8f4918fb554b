"""`coco-flow models worker`: processes that share the runs of one PostgreSQL."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.coco_flow.cli.program import Background, coco_flow, document
from tests.postgres_server import running_postgres
from tests.waiting import until

_APP = """
import os
import time
from pathlib import Path

from sqlmodel import Field

from coco_flow.models import PipelineConfig, PipelineModelBase, Reference, model


class Row(PipelineModelBase, table=True):
    __tablename__ = "lengths"
    document_id: str = Field(primary_key=True)
    length: int
    process: int


@model("demo.lengths", Row, batch_size=2)
def lengths(ctx, documents=Reference("documents"), writer=None):
    while Path("hold").exists():
        Path(f"holds-{os.getpid()}").touch()
        ctx.progress(0, 1, "holding on")
        time.sleep(0.01)
    for row in documents.to_dict("records"):
        writer.write({"document_id": row["id"], "length": len(row["content"]),
                      "process": os.getpid()})


PIPELINE = PipelineConfig(name="demo", models=[lengths])
"""

_DOCUMENTS = 40


@pytest.fixture
def url() -> str:
    """The URL of a database with documents."""
    server = running_postgres()
    _numbers.append(len(_numbers))
    found = server.create_database(f"worker_{len(_numbers)}")
    engine = create_engine(found.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE documents (id text PRIMARY KEY, content text)"))
        connection.execute(
            text(
                "INSERT INTO documents SELECT 'd' || i, repeat('x', i) "
                f"FROM generate_series(1, {_DOCUMENTS}) i"
            )
        )
    engine.dispose()
    return found


_numbers: list[int] = []


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "app.py").write_text(_APP)
    (tmp_path / "hold").touch()
    yield tmp_path
    (tmp_path / "hold").unlink(missing_ok=True)


def _processes(url: str) -> list[int]:
    """Return the process that wrote each document's row, after a check of all rows."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT document_id, length, process FROM lengths")).all()
    engine.dispose()
    assert sorted((row[0], row[1]) for row in rows) == sorted(
        (f"d{number}", number) for number in range(1, _DOCUMENTS + 1)
    )
    return [row[2] for row in rows]


def test_a_worker_takes_batches_and_ends_in_order(shared: Path, url: str) -> None:
    set_up = {"COCO_FLOW_MODELS_DATABASE": url}
    with Background(shared, "models", "worker", "app.py", "--concurrency", "3", **set_up) as worker:
        worker.wait_for(r"Worker ready on postgresql\S+: takes 3 batches at a time\.")
        assert url not in worker.output, "the password is no one's business"
        with Background(shared, "models", "run", "app.py", "--id", "r", **set_up) as running:
            _wait_for_holds(shared, worker, running)
            (shared / "hold").unlink()
            assert running.process.wait(60) == 0
        worker.wait_for(r"r demo\.lengths: \d+/20 batches")
        assert worker.stop(signal.SIGTERM) == 0
    assert "Stopped." in worker.output
    assert "Traceback" not in worker.output
    assert set(_processes(url)) == {worker.process.pid, running.process.pid}
    status = coco_flow(shared, "models", "status", "--json", **set_up)
    figures = document(status)["models"][0]["figures"]
    assert (figures["rows_written"], figures["inserted"]) == (40, 40)


def _wait_for_holds(shared: Path, *running: Background) -> None:
    """Wait until each of these processes works on a batch."""

    def look() -> bool:
        for one in running:
            assert one.process.poll() is None, one.output
        return all((shared / f"holds-{one.process.pid}").exists() for one in running)

    until(look, 60)


def test_a_worker_takes_over_a_run_whose_process_was_killed(shared: Path, url: str) -> None:
    set_up = {"COCO_FLOW_MODELS_DATABASE": url}
    with Background(shared, "models", "run", "app.py", "--id", "k", **set_up) as running:
        _wait_for_holds(shared, running)
        running.stop(signal.SIGKILL)
    killed = running.process.pid
    (shared / "hold").unlink()
    with Background(shared, "models", "worker", "app.py", "--json", **set_up) as worker:
        worker.wait_for('"kind": "ready"')
        worker.wait_for(r'"run": "k", .*"kind": "ended", "message": "", "data": \{"seconds"')
        assert worker.stop() == 0
    lines = [json.loads(line) for line in worker.output.splitlines() if line.startswith("{")]
    assert lines[0]["concurrency"] == 2
    assert killed not in _processes(url)
    assert (
        "Run k of pipeline demo: success" in coco_flow(shared, "models", "status", **set_up).stdout
    )


def test_a_worker_needs_postgres(shared: Path) -> None:
    done = coco_flow(shared, "models", "worker", "app.py")
    assert done.returncode == 1
    assert "A worker shares work through PostgreSQL, and sqlite:///coco_models.db is SQLite" in (
        done.stderr
    )
    assert "Give --database postgresql://USER@HOST/NAME" in done.stderr
    assert not (shared / "coco_models.db").exists()


def test_a_database_that_is_away_is_named_without_its_password(shared: Path) -> None:
    url = "postgresql://joe:hidden-word@127.0.0.1:9/models"
    for arguments in (["worker", "app.py"], ["run", "app.py"], ["history"], ["status"]):
        done = coco_flow(shared, "models", *arguments, "--database", url)
        assert done.returncode == 1, arguments
        assert "joe:***@127.0.0.1:9/models cannot be used" in done.stderr, done.stderr
        assert "hidden-word" not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
