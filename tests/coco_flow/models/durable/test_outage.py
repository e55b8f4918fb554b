"""A run whose PostgreSQL goes away in the middle goes on when it is back."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlmodel import Field

from coco_core.errors import Unavailable
from coco_flow.models import (
    Event,
    ModelContext,
    ModelRegistry,
    PipelineConfig,
    PipelineModelBase,
    listening,
    model,
    run_pipeline_sync,
    shutdown,
)
from coco_flow.models.database import database_of
from coco_server.dev.postgres import DevPostgres


class OutageRow(PipelineModelBase, table=True):
    __tablename__ = "outage_rows"
    id: str = Field(primary_key=True)


@pytest.fixture
def server() -> Iterator[DevPostgres]:
    with tempfile.TemporaryDirectory() as folder:
        # The server runs as another user, who cannot enter the folder of this test.
        Path(folder).chmod(0o755)
        with DevPostgres(Path(folder) / "postgres", durable=True) as running:
            yield running
            shutdown()


@pytest.fixture
def gate() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """A model that says when it runs and waits until it may write."""
    began, may_write = threading.Event(), threading.Event()

    @model("outage.rows", OutageRow)
    def rows(writer):
        began.set()
        assert may_write.wait(60)
        return writer.write([{"id": "one"}])

    yield "outage.rows", began, may_write
    del ModelRegistry._models["outage.rows"]


def test_a_restart_in_the_middle(
    server: DevPostgres, gate: tuple[str, threading.Event, threading.Event]
) -> None:
    name, began, may_write = gate
    url, port = server.create_database("outage"), server.port
    missed = threading.Event()

    def hear(_: str, event: Event) -> None:
        if event.kind == "log" and "run again when it is back" in event.message:
            missed.set()

    pipeline = PipelineConfig("outage", [name])
    with listening(hear), ThreadPoolExecutor(1) as pool:
        ended = pool.submit(
            run_pipeline_sync, pipeline, ModelContext(workflow_id="r1"), database=url
        )
        assert began.wait(60)
        server.stop(kill=True)
        may_write.set()
        assert missed.wait(60)
        server.port = port
        server._launch(server._programs())
        result = ended.result(120)
    assert result["status"] == "success"
    assert result["results"][name]["inserted"] == 1
    database_of(url).close()


def test_no_server_at_the_start(gate: tuple[str, threading.Event, threading.Event]) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:9/none"
    with pytest.raises(Unavailable) as raised:
        run_pipeline_sync(PipelineConfig("outage", [gate[0]]), database=url)
    assert "secret" not in raised.value.message
    assert "127.0.0.1:9" in raised.value.message
    database_of(url).close()
