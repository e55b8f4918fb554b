"""Limits on rows and bytes in flight: of the process, a source, the rows of a table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow import op
from coco_flow.engine.limits import weight
from coco_flow.setting import GlobalExecutionOptions
from coco_flow.sources import LocalFile
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


class Gauge:
    """How many calls, and how much text, are in flight; and the most there ever were."""

    def __init__(self) -> None:
        self.now = self.most = self.text_now = self.most_text = self.calls = 0

    async def __call__(self, text: str) -> int:
        self.calls += 1
        self.now += 1
        self.text_now += len(text)
        self.most, self.most_text = max(self.most, self.now), max(self.most_text, self.text_now)
        # Long enough that every call that may begin has begun.
        await asyncio.sleep(0.005)
        self.now -= 1
        self.text_now -= len(text)
        return len(text)


def _gauged(gauge: Gauge) -> Any:
    @op.function(behavior_version=1)
    async def size(text: str) -> int:
        return await gauge(text)

    return size


def _state(folder: Path, rows: int | None = None, size: int | None = None) -> Any:
    return flow_state(folder, global_execution_options=GlobalExecutionOptions(rows, size))


def _two_sources(first: Gauge, second: Gauge, **options: Any) -> coco_flow.Flow:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        out = scope.add_collector()
        for name, gauge in (("one", first), ("two", second)):
            scope[name] = builder.add_source(
                MemorySource(name=name), **(options if name == "one" else {})
            )
            with scope[name].row() as doc:
                doc["size"] = doc["content"].transform(_gauged(gauge))
                out.collect(source=name, key=doc["filename"], size=doc["size"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["source", "key"])

    flow = coco_flow.open_flow("Two", define)
    flow.setup()
    return flow


@pytest.mark.row("DS-12 row limit")
def test_a_source_with_two_rows_in_flight(tmp_path: Path) -> None:
    with _state(tmp_path):
        for number in range(10):
            rows_of("docs")[str(number)] = "x"
        gauge = Gauge()
        flow = doc_flow(_gauged(gauge), options={"max_inflight_rows": 2})
        flow.setup()
        flow.update()
    assert (gauge.calls, gauge.most) == (10, 2)


@pytest.mark.row("DS-12 row limit")
def test_a_limit_given_where_the_rows_are_opened(tmp_path: Path) -> None:
    gauge = Gauge()

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row(max_inflight_rows=3) as doc:
            doc["size"] = doc["content"].transform(_gauged(gauge))
            out.collect(key=doc["filename"], size=doc["size"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["key"])

    with _state(tmp_path):
        for number in range(10):
            rows_of("docs")[str(number)] = "x"
        flow = coco_flow.open_flow("F", define)
        flow.setup()
        flow.update()
    assert (gauge.calls, gauge.most) == (10, 3)


@pytest.mark.row("DS-12 both gates")
@pytest.mark.parametrize(("overall", "own", "most"), [(3, 10, 3), (10, 3, 3)])
def test_the_narrower_of_two_gates_decides(
    tmp_path: Path, overall: int, own: int, most: int
) -> None:
    with _state(tmp_path, overall):
        for number in range(12):
            rows_of("docs")[str(number)] = "x"
        gauge = Gauge()
        flow = doc_flow(_gauged(gauge), options={"max_inflight_rows": own})
        flow.setup()
        flow.update()
    assert (gauge.calls, gauge.most) == (12, most)


@pytest.mark.row("DB-3 global row limit")
def test_all_sources_together_keep_to_the_limit(tmp_path: Path) -> None:
    gauge = Gauge()
    with _state(tmp_path, 4):
        for number in range(12):
            for name in ("one", "two"):
                rows_of(name)[str(number)] = "x"
        _two_sources(gauge, gauge).update()
    assert (gauge.calls, gauge.most) == (24, 4)


@pytest.mark.row("DB-4 per-source limit")
def test_one_source_keeps_to_its_own_limit(tmp_path: Path) -> None:
    first, second = Gauge(), Gauge()
    with _state(tmp_path, 100):
        for number in range(12):
            for name in ("one", "two"):
                rows_of(name)[str(number)] = "x"
        _two_sources(first, second, max_inflight_rows=2).update()
    assert (first.calls, first.most) == (12, 2)
    assert second.most == 12


@pytest.mark.row("DS-12 byte limit")
@pytest.mark.row("IN-1 oversized row")
def test_rows_larger_than_the_limit_go_one_at_a_time(tmp_path: Path) -> None:
    with _state(tmp_path):
        for number in range(6):
            rows_of("docs")[str(number)] = "x" * 100
        gauge = Gauge()
        flow = doc_flow(_gauged(gauge), options={"max_inflight_bytes": 50})
        flow.setup()
        assert flow.update().stats == {"docs": {"num_insertions": 6}}
    assert (gauge.calls, gauge.most) == (6, 1)


@pytest.mark.row("DB-3b global byte limit")
def test_at_most_two_files_of_400_kb_are_in_a_megabyte(tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.txt").write_text(str(number) * 400_000, encoding="utf-8")
    gauge = Gauge()
    with _state(tmp_path, size=1_000_000):
        flow = doc_flow(_gauged(gauge), source=LocalFile(path=str(folder)))
        flow.setup()
        flow.update()
    assert (gauge.calls, gauge.most, gauge.most_text) == (10, 2, 800_000)


@dataclass
class Part:
    text: str


@op.function(behavior_version=1)
def split(text: str) -> list[Part]:
    return [Part(word) for word in text.split()]


@pytest.mark.row("DS-12 row limit")
@pytest.mark.row("DS-12 byte limit")
@pytest.mark.parametrize(
    ("options", "most"),
    [
        ({}, 16),
        ({"max_inflight_rows": 3}, 3),
        ({"max_inflight_bytes": 25}, 2),
        ({"max_inflight_bytes": 5}, 1),
        ({"max_inflight_rows": 5, "max_inflight_bytes": 25}, 2),
    ],
)
def test_rows_of_nested_tables_have_limits_of_their_own(
    tmp_path: Path, options: dict[str, int], most: int
) -> None:
    gauge = Gauge()

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["parts"] = doc["content"].transform(split)
            with doc["parts"].row(**options) as part:
                part["size"] = part["text"].transform(_gauged(gauge))
                out.collect(key=doc["filename"], text=part["text"], size=part["size"])
        out.export("t", MemoryTarget(name="t"), primary_key_fields=["key", "text"])

    with _state(tmp_path):
        for name in ("a", "b"):
            rows_of("docs")[name] = " ".join(f"{name}{number:09}" for number in range(8))
        flow = coco_flow.open_flow("F", define)
        flow.setup()
        flow.update()
        assert len(table_of("t").rows) == 16
    assert (gauge.calls, gauge.most) == (16, most)


def test_the_weight_of_a_value_is_about_its_bytes() -> None:
    import numpy as np

    assert weight("abc") == 3
    assert weight([b"ab", ("c", None), 1.5]) == 3 + 8
    assert weight(np.zeros(4, np.float32)) == 16
    assert weight({"key": "value"}) == 8
