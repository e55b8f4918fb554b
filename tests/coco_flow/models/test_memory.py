"""Two models over 200,000 rows, read in batches: memory does not grow with the table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_ROWS = 200_000
_CHARACTERS = 600

# All rows in one frame would take more than twice as much.
_MOST_MEGABYTES = 100

_PROGRAM = f"""
import resource
from collections.abc import Iterator
from typing import Any

import pandas as pd
from sqlalchemy import text
from sqlmodel import Field

from coco_flow.models import (
    PipelineModelBase, Reference, configure, current_database, execute_model_sync, model,
)

configure(database="sqlite:///models.db")


class Part(PipelineModelBase, table=True):
    document_id: str = Field(primary_key=True)
    number: int = Field(primary_key=True)
    text: str


class Total(PipelineModelBase, table=True):
    name: str = Field(primary_key=True)
    rows: int
    characters: int


@model("m.parts", Part)
def parts(lines: Iterator[pd.DataFrame] = Reference("lines", batch_rows=5_000), writer: Any = None):
    for frame in lines:
        writer.write(frame.assign(text=frame["text"].str.upper()))


@model("m.total", Total)
def total(parts: Iterator[pd.DataFrame] = Reference("m.parts", batch_rows=5_000)):
    rows = characters = 0
    for frame in parts:
        rows, characters = rows + len(frame), characters + int(frame["text"].str.len().sum())
    return Total(name="all", rows=rows, characters=characters)


def peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


with current_database().writing() as connection:
    connection.execute(text("CREATE TABLE lines (document_id TEXT, number INTEGER, text TEXT)"))
    connection.execute(text(
        "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {_ROWS - 1}) "
        "INSERT INTO lines SELECT 'd' || (i / 100), i % 100, printf('%.*c', {_CHARACTERS}, 'x') "
        "FROM n"
    ))
before = peak()
execute_model_sync(parts)
result = execute_model_sync(total)
with current_database().reading() as connection:
    found = connection.execute(text("SELECT rows, characters FROM total")).one()
assert tuple(found) == ({_ROWS}, {_ROWS * _CHARACTERS}), found
print(peak() - before)
"""


def test_memory_stays_bounded(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    print(done.stdout)
    assert int(done.stdout) < _MOST_MEGABYTES
