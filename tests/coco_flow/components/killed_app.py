"""An app that a test runs in a process of its own, which ends at any one of its steps.

Files become rows of a SQLite table, with shared rows for their words. A step is a statement on the
state file or on the target.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coco_flow import components as coco
from coco_flow.components.connectors import sqlite

__all__ = ["update"]

DB: coco.ContextKey[sqlite.ManagedConnection] = coco.ContextKey("killed_app_db")


@dataclass
class Part:
    file: str
    number: int
    text: str


@dataclass
class Word:
    word: str
    length: int


@coco.fn(memo=True)
def declare_part(table: Any, file: str, number: int, text: str) -> None:
    table.declare_row(row=Part(file, number, text.upper()))


@coco.fn(memo=True)
async def one_file(path: Path, content: str, parts: Any, words: Any) -> None:
    for number, text in enumerate(content.splitlines()):
        declare_part(parts, path.name, number, text)
    for word in set(content.split()):
        words.declare_row(row=Word(word, len(word)))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


@coco.fn
async def main(folder: Path) -> None:
    parts = await sqlite.mount_table_target(
        DB, "parts", await sqlite.TableSchema.from_class(Part, ["file", "number"])
    )
    words = await sqlite.mount_table_target(
        DB, "words", await sqlite.TableSchema.from_class(Word, ["word"])
    )
    for path in files(folder):
        content = path.read_text()
        await coco.mount(coco.ComponentSubpath(path.name), one_file, path, content, parts, words)


def update(folder: Path, state: Path, target: Path, end_at: int | None, steps: Any) -> None:
    """Update the app once; end the process without notice at a step, and count the steps."""

    def step(_: str) -> None:
        steps.value += 1
        if steps.value == end_at:
            os.kill(os.getpid(), signal.SIGKILL)

    with sqlite.managed_connection(target) as db:
        with db.readonly() as connection:
            connection.set_trace_callback(step)
        provider = coco.ContextProvider()
        provider.provide(DB, db)
        environment = coco.Environment(coco.Settings(db_path=state), context_provider=provider)
        environment.store._connection.set_trace_callback(step)
        coco.App(coco.AppConfig("app", environment), main, folder).update_blocking()
        environment.close()
