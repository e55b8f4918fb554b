"""A flow from a folder to a SQLite table, and a process that ends itself at a chosen moment.

Run: python -m tests.coco_flow.engine.stopping_flow FOLDER MOMENT; the source is FOLDER/docs, state
and table lie in FOLDER. The process ends as if killed, without any cleaning up.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import coco_flow
from coco_flow.setting import DatabaseConnectionSpec, Settings
from coco_flow.targets.sqlite import SQLiteConnector

__all__ = ["EXIT_CODE", "Part", "parts_flow"]

EXIT_CODE = 9


@dataclass
class Part:
    number: int
    text: str


@coco_flow.op.function(behavior_version=1)
def split(text: str) -> list[Part]:
    return [Part(number, part) for number, part in enumerate(text.split())]


def parts_flow(folder: Path, *, with_size: bool = False) -> coco_flow.Flow:
    """Open the flow; `with_size` adds a column."""

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(coco_flow.sources.LocalFile(path=str(folder / "docs")))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["parts"] = doc["content"].transform(split)
            with doc["parts"].row() as part:
                more = {"again": part["text"]} if with_size else {}
                out.collect(
                    filename=doc["filename"], number=part["number"], text=part["text"], **more
                )
        out.export(
            "parts",
            coco_flow.targets.SQLite(path=str(folder / "rows.db"), table_name="parts"),
            primary_key_fields=["filename", "number"],
        )

    return coco_flow.open_flow("Parts", define)


def _ending(method: Callable[..., Any], *, before: bool) -> Callable[..., Any]:
    def end(*args: Any) -> None:
        if not before:
            method(*args)
        os._exit(EXIT_CODE)

    return end


def main(folder: str, moment: str) -> None:
    """Set up and update, and end at the moment."""
    coco_flow.init(Settings(database=DatabaseConnectionSpec(url=f"{folder}/state.db")))
    when, _, method = moment.partition(" ")
    real = getattr(SQLiteConnector, method)
    setattr(SQLiteConnector, method, _ending(real, before=when == "before"))
    flow = parts_flow(Path(folder), with_size=method == "apply_setup")
    flow.setup()
    flow.update()


if __name__ == "__main__":
    main(*sys.argv[1:])
