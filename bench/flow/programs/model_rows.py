"""Two table models over events: one derives values of each row, one sums up each document."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import pandas as pd
from sqlmodel import Field

from bench.flow.programs.row_steps import cleaned_frame, summed
from coco_flow.models import (
    ModelContext,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    configure,
    model,
    run_pipeline,
    shutdown,
)


class CleanedEvent(PipelineModelBase, table=True):
    __tablename__ = "cleaned_events"
    document_id: str = Field(primary_key=True)
    position: int = Field(primary_key=True)
    text: str
    words: int
    cents: int


class DocumentTotal(PipelineModelBase, table=True):
    __tablename__ = "document_totals"
    document_id: str = Field(primary_key=True)
    events: int
    words: int
    cents: int


@model("bench.cleaned", CleanedEvent)
def cleaned(writer, events: Iterator[pd.DataFrame] = Reference("events")):
    for frame in events:
        writer.write(cleaned_frame(frame))


@model("bench.totals", DocumentTotal)
def totals(writer, cleaned: Iterator[pd.DataFrame] = Reference("bench.cleaned")):
    writer.write(summed(cleaned))


async def main(url: str, mode: str) -> None:
    configure(database=url)
    began = time.perf_counter()
    pipeline = PipelineConfig("bench", [cleaned, totals])
    ended = await run_pipeline(pipeline, ModelContext(incremental_mode=mode))
    took = time.perf_counter() - began
    if ended["errors"]:
        raise SystemExit(str(ended["errors"]))
    names = ("documents", "inserted", "updated", "deleted", "unchanged")
    figures = {
        name: {figure: result[figure] for figure in names}
        for name, result in ended["results"].items()
    }
    print(json.dumps({"seconds": took, "models": figures}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
    shutdown()
