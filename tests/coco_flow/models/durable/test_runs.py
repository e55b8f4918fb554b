"""Runs: recorded results, retries, cancelling, resuming, forking, parallel models, events."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Field, SQLModel

from coco_flow.errors import RunCancelled, RunConflict, RunNotFound
from coco_flow.models import (
    Event,
    ModelContext,
    ModelRegistry,
    PipelineConfig,
    PipelineModelBase,
    Retry,
    cancel_run,
    fork_run,
    listening,
    model,
    read_events,
    resume_run,
    run_of,
    run_pipeline_sync,
    runs_of,
    shutdown,
)
from coco_flow.models.database import Database, database_of
from tests.waiting import until

pytestmark = pytest.mark.slow

Declare = Callable[..., Any]


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = database_of(f"sqlite:///{tmp_path}/models.db")
    yield found
    shutdown()
    found.close()


@pytest.fixture
def declare() -> Iterator[Declare]:
    """Declare a model with a table of its own, of one row; its body is a function of ctx."""
    known = dict(ModelRegistry._models)

    def add(name: str, body: Callable[[ModelContext], Any], *needs: str, **options: Any) -> str:
        table = name.replace(".", "_")
        columns = {"id": (str, Field(primary_key=True)), "value": (str | None, Field(default=None))}
        annotations = {key: kind for key, (kind, _) in columns.items()}
        values = {key: value for key, (_, value) in columns.items()}
        row: Any = type(PipelineModelBase)(
            f"Row_{table}", (PipelineModelBase,),
            {"__tablename__": table, "__annotations__": annotations, "__module__": __name__,
             **values},
            table=True,
        )  # fmt: skip

        def run(ctx, writer, **inputs):
            return writer.write([{"id": name, "value": str(body(ctx))}])

        run.__qualname__ = name
        sources = {f"input{number}": need for number, need in enumerate(needs)}
        model(name, row, sources=sources or None, **options)(run)
        return name

    yield add
    for name in set(ModelRegistry.names()) - set(known):
        SQLModel.metadata.remove(ModelRegistry.get(name).table)
    ModelRegistry._models.clear()
    ModelRegistry._models.update(known)


def run(database: Database, models: list[str], name: str, **options: Any) -> dict[str, Any]:
    pipeline = PipelineConfig("test", models, **options)
    return run_pipeline_sync(pipeline, ModelContext(workflow_id=name), database=database)


def test_the_same_id_returns_what_is_recorded(database: Database, declare: Declare) -> None:
    calls: list[str] = []
    name = declare("same.one", lambda _: calls.append("called"))
    first = run(database, [name], "r1")
    again = run(database, [name], "r1")
    assert first == again
    assert first["status"] == "success"
    assert calls == ["called"]
    assert run(database, [name], "r2")["results"][name]["unchanged"] == 1


def test_models_of_a_level_run_at_the_same_time(database: Database, declare: Declare) -> None:
    # Each waits for the others: one after the other, none would pass.
    barrier = threading.Barrier(3)
    names = [declare(f"level.m{n}", lambda _: barrier.wait(30) >= 0) for n in range(3)]
    last = declare("level.last", lambda _: "end", *names)
    result = run(database, [last, *names], "r1")
    assert result["status"] == "success"
    assert result["models_executed"] == [*names, last]


def test_a_model_that_raises_is_tried_again(database: Database, declare: Declare) -> None:
    calls: list[int] = []

    def body(_: ModelContext) -> str:
        calls.append(1)
        if len(calls) < 3:
            raise OSError("not yet")
        return "done"

    name = declare("retry.one", body, retry=Retry(attempts=3, interval=0.01))
    assert run(database, [name], "r1")["status"] == "success"
    assert len(calls) == 3


def test_attempts_end_and_the_reason_is_reported(database: Database, declare: Declare) -> None:
    def body(_: ModelContext) -> str:
        raise OSError("the service is away")

    name = declare("retry.never", body, retry=Retry(attempts=2, interval=0.01))
    result = run(database, [name], "r1")
    assert result["status"] == "failed"
    assert result["errors"] == {name: "retry.never: OSError: the service is away"}


def test_an_error_stops_what_follows(database: Database, declare: Declare) -> None:
    def fail(_: ModelContext) -> str:
        raise ValueError("no")

    bad = declare("stop.bad", fail)
    good = declare("stop.good", lambda _: "good")
    after_bad = declare("stop.after_bad", lambda _: "x", bad)
    after_good = declare("stop.after_good", lambda _: "x", good)
    models = [bad, good, after_bad, after_good]
    stopped = run(database, models, "r1")
    assert stopped["models_executed"] == [good]
    assert stopped["skipped"] == [after_bad, after_good]
    going_on = run(database, models, "r2", stop_on_error=False)
    assert going_on["models_executed"] == [good, after_good]
    assert going_on["skipped"] == [after_bad]
    assert going_on["errors"] == {bad: "stop.bad: ValueError: no"}


def test_a_failed_run_goes_on_without_doing_anything_again(
    database: Database, declare: Declare
) -> None:
    calls: list[str] = []
    broken = [True]

    def second(_: ModelContext) -> str:
        calls.append("second")
        if broken:
            raise ValueError("broken")
        return "mended"

    first = declare("again.first", lambda _: calls.append("first"))
    name = declare("again.second", second, first)
    assert run(database, [first, name], "r1")["status"] == "failed"
    broken.clear()
    result = asyncio.run(resume_run(database, "r1"))
    assert result["status"] == "success"
    assert result["workflow_id"] != "r1"
    assert calls == ["first", "second", "second"]


def test_a_fork_takes_what_ended_before_the_model(database: Database, declare: Declare) -> None:
    calls: list[str] = []
    first = declare("fork.first", lambda _: calls.append("first"))
    second = declare("fork.second", lambda _: calls.append("second"), first)
    run(database, [first, second], "r1")
    result = asyncio.run(fork_run(database, "r1", second))
    assert result["status"] == "success"
    assert calls == ["first", "second", "second"]
    with pytest.raises(RunNotFound, match="has no step"):
        asyncio.run(fork_run(database, "r1", "fork.third"))


def test_a_cancelled_run_ends_at_the_next_sign_of_life_and_can_go_on(
    database: Database, declare: Declare
) -> None:
    started, going_on = threading.Event(), threading.Event()

    def body(ctx: ModelContext) -> str:
        started.set()
        count = 0
        while not going_on.is_set():
            count += 1
            ctx.progress(count)
            going_on.wait(0.01)
        return "whole"

    name = declare("cancel.one", body)
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(run, database, [name], "r1")
        assert started.wait(60)
        cancel_run(database, "r1")
        with pytest.raises(RunCancelled, match="r1 was cancelled"):
            ended.result(60)
    assert run_of(database, "r1").status == "cancelled"
    with pytest.raises(RunConflict, match="has ended: cancelled"):
        cancel_run(database, "r1")
    going_on.set()
    assert asyncio.run(resume_run(database, "r1"))["status"] == "success"
    assert run_of(database, "r1").status == "success"


def test_progress_from_any_thread_reaches_stream_log_and_listener(
    database: Database, declare: Declare, caplog: pytest.LogCaptureFixture
) -> None:
    def body(ctx: ModelContext) -> str:
        # Threads that nothing prepared: no context of the run comes with them.
        def report(number: int) -> None:
            ctx.log.warning(f"from thread {number}")
            ctx.progress(4, 4, f"thread {number}")

        threads = [threading.Thread(target=report, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return "done"

    name = declare("progress.one", body)
    heard: list[tuple[str, Event]] = []
    with (
        caplog.at_level("INFO", logger="coco_flow.models"),
        listening(lambda run, event: heard.append((run, event))),
    ):
        run(database, [name], "r1")
    stored = list(read_events(database, "r1"))
    logs = {event.message for event in stored if event.kind == "log"}
    assert logs == {f"from thread {number}" for number in range(4)}
    assert any(event.kind == "progress" and event.done == 4 for event in stored)
    assert next(event.kind for event in stored) == "started"
    assert stored[-1].kind == "ended" and stored[-1].model is None
    assert {run for run, _ in heard} == {"r1"}
    assert "from thread 3" in caplog.text


def test_history_and_unknown_runs(database: Database, declare: Declare) -> None:
    assert runs_of(database) == []
    with pytest.raises(RunNotFound, match="nothing was run on this database yet"):
        run_of(database, "none")
    name = declare("history.one", lambda _: 1)
    for number in range(3):
        run(database, [name], f"r{number}")
    found = runs_of(database)
    assert [one.id for one in found] == ["r2", "r1", "r0"]
    assert {one.status for one in found} == {"success"}
    with pytest.raises(RunNotFound, match="no run 'r9'"):
        run_of(database, "r9")
    steps = run_of(database, "r1").models
    assert [step["name"] for step in steps] == [name, "end"]


def test_a_model_in_a_process_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.coco_flow.models.durable.process_pipeline",
         f"sqlite:///{tmp_path}/models.db"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = dict(line.split(" ", 1) for line in done.stdout.splitlines())
    assert lines["status"] == "failed"
    assert lines["error"] == "process.broken: ValueError: broken in the process"
    assert lines["processes"] == "3"
    assert lines["overlap"] == "True"
    assert lines["logged"] == "True"


def test_a_program_with_dbos_of_its_own(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.coco_flow.models.durable.own_dbos", str(tmp_path)],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "inside success",
        "steps ['prepare', 'own.first', 'own.second', 'end']",
        "stream ['started', 'progress', 'ended', 'started', 'ended', 'ended']",
        "direct success",
        "runs ['direct']",
        "events ['started', 'progress', 'ended', 'started', 'ended', 'ended']",
    ]


def test_an_ended_process_is_reported(tmp_path: Path) -> None:
    from tests.coco_flow.models.durable import process_pipeline

    result = process_pipeline.run(f"sqlite:///{tmp_path}/models.db", ["process.killed"], "r1")
    shutdown()
    assert result["errors"] == {
        "process.killed": "process.killed: its process ended with exit code -9."
    }


def test_waiting_for_a_run_of_another_process(database: Database, declare: Declare) -> None:
    """A second caller of the same id waits for the first and gets its result."""
    release = threading.Event()
    calls: list[int] = []

    def body(_: ModelContext) -> str:
        calls.append(1)
        release.wait(60)
        return "once"

    name = declare("twice.one", body)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(run, database, [name], "r1")
        until(lambda: bool(calls))
        second = pool.submit(run, database, [name], "r1")
        release.set()
        assert first.result(60) == second.result(60)
    assert calls == [1]


def test_batches_run_at_the_same_time(database: Database, declare: Declare) -> None:
    documents = declare("batches.documents", lambda _: "text")
    # Two batches wait for each other: one after the other, none would pass.
    barrier = threading.Barrier(2)
    name = declare(
        "batches.one", lambda _: barrier.wait(30) >= 0, documents, batch_size=1, scope="document"
    )
    ModelRegistry.get(name).inputs[0].reference.document_column = "id"
    with database.writing() as connection:
        table = ModelRegistry.get(documents).table
        table.create(connection)
        rows = [{"id": f"d{number}", "value": "x"} for number in range(2)]
        connection.execute(table.insert(), rows)
    result = run(database, [name], "r1", batches_at_once=2)
    assert result["status"] == "success", result["errors"]
    assert result["results"][name]["documents"] == 2
