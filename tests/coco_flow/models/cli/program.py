"""An application of table models for the tests of `coco-flow models`."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

__all__ = ["APP", "DATABASE", "OTHERS", "calls", "fill_documents", "make_folder", "table_rows"]

DATABASE = "coco_models.db"

# A model waits while there is a file `hold-NAME`, and says so by a file `holds-NAME`.
APP = '''
import time
from pathlib import Path

from sqlmodel import Field

from coco_flow.models import (
    ConfigParam, ModelConfig, PipelineConfig, PipelineModelBase, Reference, accepted_values, model,
    not_null,
)


def begin(name, ctx):
    with open("calls.txt", "a") as log:
        log.write(name + "\\n")
    while Path(f"hold-{name}").exists():
        ctx.progress(1, 4, "holding on")
        Path(f"holds-{name}").touch()
        time.sleep(0.01)


class WordRow(PipelineModelBase, table=True):
    __tablename__ = "words"
    document_id: str = Field(primary_key=True, description="The <id> of the document & no more.")
    words: int = Field(description="How many words it has.")
    note: str | None = None


class WordsConfig(ModelConfig):
    least: int = ConfigParam(default=1, ge=1, le=10, description="Letters that a word must have.")


@model(
    "demo.words", WordRow, config_schema=WordsConfig,
    tests=[
        not_null("words"),
        accepted_values("words", [2, 3], severity="warn"),
        accepted_values("words", range(20)),
    ],
)
def words(ctx, documents=Reference("documents"), writer=None, config=None):
    """Count the words of each document."""
    begin("words", ctx)
    for row in documents.to_dict("records"):
        with ctx.document(row["id"]):
            if "BOOM" in row["content"]:
                raise ValueError("boom in the text")
            long = [one for one in row["content"].split() if len(one) >= config.least]
            writer.write({"document_id": row["id"], "words": len(long)})
    ctx.log.info(f"counted for {ctx.metadata.get('who', 'nobody')}")


class TotalRow(PipelineModelBase, table=True):
    __tablename__ = "totals"
    name: str = Field(primary_key=True)
    words: int


@model("demo.totals", TotalRow)
def totals(ctx, counted=Reference("demo.words"), writer=None):
    begin("totals", ctx)
    return writer.write({"name": "all", "words": int(counted["words"].sum())})


PIPELINE = PipelineConfig(name="demo", models=[totals, words])
'''

# A second application, whose pipelines cannot run.
OTHERS = """
from sqlmodel import Field

from coco_flow.models import PipelineConfig, PipelineModelBase, Reference, Retry, model


class BadRow(PipelineModelBase, table=True):
    __tablename__ = "bad"
    document_id: str = Field(primary_key=True)


def divide(number):
    return 1 // (number - number)


@model("other.bad", BadRow, retry=Retry(attempts=2, interval=0.01))
def bad(ctx, documents=Reference("documents"), writer=None):
    divide(len(documents))


class AfterRow(PipelineModelBase, table=True):
    __tablename__ = "after"
    document_id: str = Field(primary_key=True)


@model("other.after", AfterRow)
def after(ctx, rows=Reference("other.bad"), writer=None):
    return writer.write(rows)


class LeftRow(PipelineModelBase, table=True):
    __tablename__ = "left"
    document_id: str = Field(primary_key=True)


class RightRow(PipelineModelBase, table=True):
    __tablename__ = "right"
    document_id: str = Field(primary_key=True)


class LostRow(PipelineModelBase, table=True):
    __tablename__ = "lost"
    document_id: str = Field(primary_key=True)


@model("circle.left", LeftRow)
def left(ctx, rows=Reference("circle.right"), writer=None):
    return writer.write(rows)


@model("circle.right", RightRow)
def right(ctx, rows=Reference("circle.left"), writer=None):
    return writer.write(rows)


@model("other.lost", LostRow)
def lost(ctx, rows=Reference("nowhere"), writer=None):
    return writer.write(rows)


BAD = PipelineConfig(name="bad", models=[bad, after])
CIRCLE = PipelineConfig(name="circle", models=[left, right])
LOST = PipelineConfig(name="lost", models=[lost])
"""


def fill_documents(folder: Path, texts: dict[str, str]) -> None:
    """Put documents into the table of the folder's database, in place of those of their ids."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection, connection:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS documents (id TEXT PRIMARY KEY, path TEXT, content TEXT)"
        )
        connection.executemany(
            "INSERT OR REPLACE INTO documents VALUES (?, ?, ?)",
            [(name, f"texts/{name}.md", text) for name, text in texts.items()],
        )


def table_rows(folder: Path, statement: str) -> list[Sequence[Any]]:
    """Return the rows of a statement on the folder's database."""
    with closing(sqlite3.connect(folder / DATABASE)) as connection:
        return connection.execute(statement).fetchall()


def calls(folder: Path) -> list[str]:
    """Return the models that were called, in order."""
    log = folder / "calls.txt"
    return log.read_text().split() if log.exists() else []


def make_folder(folder: Path) -> Path:
    """Fill a folder with both applications and three documents."""
    (folder / "app.py").write_text(APP)
    (folder / "others.py").write_text(OTHERS)
    fill_documents(folder, {"a": "one two", "b": "one two three", "c": "a longer text here"})
    return folder
