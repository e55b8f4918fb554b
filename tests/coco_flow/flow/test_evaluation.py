"""Evaluation: what would be exported, in files, while targets and state stay as they are."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import yaml

import coco_flow
from coco_flow import EvaluateAndDumpOptions, op
from coco_flow.targets import SQLite
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import flow_state, rows_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _flow(tmp_path: Path, calls: list[str]) -> coco_flow.Flow:
    @op.function(cache=True, behavior_version=1)
    def upper(text: str) -> str:
        calls.append(text)
        if text == "bad":
            raise ValueError("no such text")
        return text.upper()

    return doc_flow(upper, target=SQLite(str(tmp_path / "rows.db"), "t"))


def _dump(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def _content(tmp_path: Path) -> list[object]:
    paths = (tmp_path / "state.db", tmp_path / "rows.db")
    # The bytes of the database and its log: a write would change one of them.
    files = [(p.read_bytes(), p.with_name(f"{p.name}-wal")) for p in paths]
    return [(data, wal.read_bytes() if wal.exists() else b"") for data, wal in files]


@pytest.mark.row("LC-10 evaluate_and_dump")
def test_rows_are_dumped_and_nothing_else_is_written(tmp_path: Path) -> None:
    calls: list[str] = []
    flow = _flow(tmp_path, calls)
    rows_of("docs")["a"] = "one"
    flow.setup()
    flow.update()
    before, dumps = _content(tmp_path), [_dump(tmp_path / n) for n in ("state.db", "rows.db")]
    rows_of("docs")["a"] = "edited"
    rows_of("docs")["sub/b ü"] = "two"
    rows_of("docs")["c"] = "bad"
    folder = tmp_path / "evaluated"
    info = flow.evaluate_and_dump(EvaluateAndDumpOptions(output_dir=str(folder)))
    assert info.stats == {"docs": {"num_insertions": 2, "num_errors": 1}}
    found = {path.name: yaml.safe_load(path.read_text("utf-8")) for path in folder.iterdir()}
    assert set(found) == {"docs@a.yaml", "docs@sub%2Fb%20%C3%BC.yaml", "docs@c.yaml"}
    assert found["docs@a.yaml"] == {
        "key": {"filename": "a"},
        "exports": {"t": [{"key": "a", "value": "EDITED"}]},
        "error": None,
    }
    assert found["docs@sub%2Fb%20%C3%BC.yaml"]["key"] == {"filename": "sub/b ü"}
    assert found["docs@c.yaml"]["error"] == "ValueError: no such text"
    assert _content(tmp_path) == before
    assert [_dump(tmp_path / name) for name in ("state.db", "rows.db")] == dumps
    rows_of("docs")["c"] = "good"
    calls.clear()
    flow.update()
    assert sorted(calls) == ["edited", "good", "two"], "the evaluation remembered nothing"


@pytest.mark.row("LC-10 use_cache")
def test_remembered_results_are_used_if_wanted(tmp_path: Path) -> None:
    calls: list[str] = []
    flow = _flow(tmp_path, calls)
    for name in ("a", "b"):
        rows_of("docs")[name] = f"text {name}"
    flow.setup()
    flow.update()
    for use_cache, called in ((True, []), (False, ["text a", "text b"])):
        calls.clear()
        options = EvaluateAndDumpOptions(str(tmp_path / f"out {use_cache}"), use_cache=use_cache)
        flow.evaluate_and_dump(options)
        assert sorted(calls) == called
    dumps = [
        {path.name: path.read_text("utf-8") for path in (tmp_path / name).iterdir()}
        for name in ("out True", "out False")
    ]
    assert dumps[0] == dumps[1]


def test_a_flow_that_is_not_set_up_can_be_evaluated(tmp_path: Path) -> None:
    flow = _flow(tmp_path, [])
    rows_of("docs")["a"] = "one"
    flow.evaluate_and_dump(EvaluateAndDumpOptions(str(tmp_path / "out")))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["docs@a.yaml"]
    assert not (tmp_path / "rows.db").exists()
