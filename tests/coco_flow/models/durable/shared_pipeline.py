"""A pipeline of one model in batches, which several processes share; see test_shared_runs."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from sqlmodel import Field, SQLModel

from coco_flow.models import (
    Database,
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    model,
    run_pipeline_sync,
    shutdown,
)

CALLS = "CALLS_OF_MODELS"


class Source(SQLModel, table=True):
    __tablename__ = "shared_documents"
    id: str = Field(primary_key=True)
    text: str


class Shout(PipelineModelBase, table=True):
    __tablename__ = "shouts"
    id: int | None = Field(default=None, primary_key=True)
    document_id: str
    text: str


@model("shared.shouts", Shout, ["document_id"], write_strategy="append", batch_size=2)
def shouts(ctx, documents=Reference("shared_documents", "id"), writer=None):
    with Path(os.environ[CALLS]).open("a", encoding="utf-8") as calls:
        calls.write(f"{os.getpid()} {documents['id'].min()}\n")
    ctx.log(f"process {os.getpid()}")
    time.sleep(0.02)
    return writer.write(
        [
            {"document_id": row["id"], "text": row["text"].upper()}
            for row in documents.to_dict("records")
        ]
    )


PIPELINE = PipelineConfig("shared", [shouts])


def fill(url: str, count: int) -> None:
    database = Database(url)
    with database.writing() as connection:
        Source.__table__.create(connection)
        rows = [{"id": f"d{number:04}", "text": f"text {number}"} for number in range(count)]
        connection.execute(Source.__table__.insert(), rows)
    database.close()


def work(url: str) -> None:
    """Take batches from the queue until the process is ended."""
    from coco_flow.models.database import database_of
    from coco_flow.models.engine import engine_of
    from coco_flow.models.runs import take_over

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    engine = engine_of(database_of(url))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while not ended.wait(0.5):
        take_over(engine)
    shutdown()


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(sys.argv[2])
    else:
        result = run_pipeline_sync(
            PIPELINE, ModelContext(workflow_id=sys.argv[3]), database=sys.argv[2]
        )
        sys.stdout.write(f"{result['status']} {result['results']}\n")
        shutdown()
