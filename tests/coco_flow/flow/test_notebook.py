"""Use in a notebook: inside a running loop, cells run again, definitions replaced."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from tests.flow_parts import flow_state, rows_of, table_of

CELL = """
@op.function()
def shout(text: str) -> str:
    return text.upper() + "{end}"

@coco_flow.flow_def(name="Cell")
def cell(builder, scope):
    scope["docs"] = builder.add_source(MemorySource(name="docs"))
    out = scope.add_collector()
    with scope["docs"].row() as doc:
        doc["loud"] = doc["content"].transform(shout)
        out.collect(filename=doc["filename"], loud=doc["loud"])
    out.export("t", MemoryTarget(name="t"), primary_key_fields=["filename"])
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        yield


def _run_cell(namespace: dict[str, Any], end: str) -> coco_flow.Flow:
    exec(compile(CELL.replace("{end}", end), f"<cell {end}>", "exec"), namespace)
    flow: coco_flow.Flow = namespace["cell"]
    return flow


def _namespace() -> dict[str, Any]:
    from coco_flow import op
    from tests.flow_parts import MemorySource, MemoryTarget

    return {
        "__name__": "__main__", "coco_flow": coco_flow, "op": op,
        "MemorySource": MemorySource, "MemoryTarget": MemoryTarget,
    }  # fmt: skip


def test_a_cell_that_runs_again_replaces_the_flow_and_computes_what_changed() -> None:
    rows_of("docs")["a"] = "hi"
    namespace = _namespace()
    first = _run_cell(namespace, "!")
    first.setup()
    first.update()
    assert table_of("t").rows == {("a",): ("HI!",)}
    second = _run_cell(namespace, "?")
    assert coco_flow.flows() == {"Cell": second}
    assert second.update().stats == {"docs": {"num_reprocesses": 1}}
    assert table_of("t").rows == {("a",): ("HI?",)}
    again = _run_cell(namespace, "?")
    assert again.update().stats == {"docs": {"num_no_change": 1}}


@pytest.mark.row("LC-5 async twin")
@pytest.mark.row("LIVE-10 sync and async")
def test_both_forms_work_inside_a_running_loop() -> None:
    rows_of("docs")["a"] = "hi"
    flow = _run_cell(_namespace(), "!")

    async def cells() -> None:
        await flow.setup_async()
        await flow.update_async()
        rows_of("docs")["b"] = "ho"
        # The plain form blocks the loop, as a call in a cell does, and works.
        assert flow.update().stats["docs"] == {"num_insertions": 1, "num_no_change": 1}
        rows_of("docs")["a"] = "he"
        assert (await flow.update_async()).stats["docs"]["num_updates"] == 1

    asyncio.run(cells())
    assert table_of("t").rows == {("a",): ("HE!",), ("b",): ("HO!",)}
