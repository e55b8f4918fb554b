"""Three table models over documents, and what a delta run of them does against a full one."""

from __future__ import annotations

import random
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from sqlmodel import Field

from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    model,
    run_pipeline_sync,
    shutdown,
)

WORDS = [f"word{number}" for number in range(2000)]
TABLES = {
    "sections": "document_id, number, title, text",
    "terms": "document_id, term, count",
    "summaries": "document_id, sections, words, terms",
}


class Section(PipelineModelBase, table=True):
    __tablename__ = "sections"
    document_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    title: str
    text: str


class Term(PipelineModelBase, table=True):
    __tablename__ = "terms"
    document_id: str = Field(primary_key=True)
    term: str = Field(primary_key=True)
    count: int


class Summary(PipelineModelBase, table=True):
    __tablename__ = "summaries"
    document_id: str = Field(primary_key=True)
    sections: int
    words: int
    terms: int


@model("delta.sections", Section)
def sections(writer, documents: pd.DataFrame = Reference("documents")):
    writer.write(
        {"document_id": one["id"], "number": number, "title": title, "text": text}
        for one in documents.to_dict("records")
        for number, (title, _, text) in enumerate(
            part.partition("\n") for part in one["body"].split("# ")[1:]
        )
    )


@model("delta.terms", Term)
def terms(writer, sections: Iterator[pd.DataFrame] = Reference("delta.sections")):
    found = pd.concat(
        frame.assign(term=frame["text"].str.split())[["document_id", "term"]].explode("term")
        for frame in sections
    )
    writer.write(found.groupby(["document_id", "term"]).size().rename("count").reset_index())


@model("delta.summaries", Summary)
def summaries(
    writer,
    sections: pd.DataFrame = Reference("delta.sections"),
    terms: pd.DataFrame = Reference("delta.terms"),
):
    counted = sections.groupby("document_id").agg(sections=("number", "size"))
    words = terms.groupby("document_id").agg(words=("count", "sum"), terms=("term", "size"))
    writer.write(counted.join(words).reset_index())


PIPELINE = PipelineConfig("delta", [sections, terms, summaries])


def compare(folder: Path, documents: int, edited: int, deleted: int) -> dict[str, Any]:
    """Run in full, change documents, and run as delta on one copy and in full on another."""
    first = folder / "first.db"
    fill(first, documents)
    figures: dict[str, Any] = {"first": run(first, "full")}
    change(first, edited, deleted)
    for mode in ("delta", "full"):
        copy = folder / f"{mode}.db"
        shutil.copy(first, copy)
        figures[mode] = run(copy, mode)
    figures["equal"] = contents(folder / "delta.db") == contents(folder / "full.db")
    return figures


def run(path: Path, mode: Any) -> dict[str, Any]:
    began = time.perf_counter()
    context = ModelContext(incremental_mode=mode)
    ended = run_pipeline_sync(PIPELINE, context, database=f"sqlite:///{path}")
    seconds = time.perf_counter() - began
    shutdown()
    if ended["errors"]:
        raise SystemExit(str(ended["errors"]))
    names = ("documents", "rows_written", "inserted", "updated", "deleted")
    results = ended["results"].values()
    return {
        "seconds": round(seconds, 2),
        **{name: sum(result[name] for result in results) for name in names},
    }


def fill(path: Path, documents: int) -> None:
    chance = random.Random(3)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT NOT NULL)")
    connection.executemany(
        "INSERT INTO documents VALUES (?, ?)",
        ((f"d{number:05}", body(chance)) for number in range(documents)),
    )
    connection.commit()
    connection.close()


def change(path: Path, edited: int, deleted: int) -> None:
    chance = random.Random(4)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    ids = [row[0] for row in connection.execute("SELECT id FROM documents")]
    chosen = chance.sample(ids, edited + deleted)
    for one in chosen[:edited]:
        connection.execute("UPDATE documents SET body = ? WHERE id = ?", (body(chance), one))
    for one in chosen[edited:]:
        connection.execute("DELETE FROM documents WHERE id = ?", (one,))
    connection.commit()
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def body(chance: random.Random) -> str:
    parts = [
        f"# {' '.join(chance.choices(WORDS, k=3))}\n{' '.join(chance.choices(WORDS, k=40))}"
        for _ in range(chance.randint(5, 15))
    ]
    return "\n".join(parts)


def contents(path: Path) -> dict[str, list[Any]]:
    """Return the rows of the tables, without what says which run wrote them."""
    connection = sqlite3.connect(path)
    found = {
        table: connection.execute(f"SELECT {columns} FROM {table} ORDER BY 1, 2").fetchall()
        for table, columns in TABLES.items()
    }
    connection.close()
    return found
