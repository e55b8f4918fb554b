"""Evaluation without writing: what a flow would export, row by row, and every value between."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from coco_core.errors import NotFound
from coco_flow.engine.frames import Batch, RowState
from coco_flow.engine.grouping import GroupConnector
from coco_flow.engine.listing import listings
from coco_flow.engine.memo import MemoSession
from coco_flow.engine.plan import SourcePlan, compile_source
from coco_flow.engine.stats import SourceStats, UpdateInfo
from coco_flow.flow.context import context
from coco_flow.flow.shown import shown_row
from coco_flow.graph.extended import visible_fields
from coco_flow.ports import ListedRow, ReadRow
from coco_flow.runtime import run_maybe_async
from coco_flow.types.codec import pack_key

if TYPE_CHECKING:
    from coco_flow.flow.flow import EvaluateAndDumpOptions, Flow
    from coco_flow.graph.model import FlowGraph

__all__ = ["evaluate_and_dump", "evaluate_row"]

_BATCH_ROWS = 64
# The longest part of a file name that a key may take.
_NAME_LENGTH = 128


def evaluate_and_dump(flow: Flow, options: EvaluateAndDumpOptions) -> UpdateInfo:
    """Implement `Flow.evaluate_and_dump`."""
    folder = Path(options.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    graph = flow.graph
    stats = {source.name: SourceStats() for source in graph.sources}
    for source in graph.sources:
        if isinstance(source.connector, GroupConnector):
            # Groups exist in the state only, which an evaluation does not touch.
            continue
        plan = compile_source(graph, source)
        for listed in _listings(plan):
            rows = [row for row, _ in _evaluated(flow, plan, listed, options.use_cache)]
            for row in rows:
                _dump(folder, graph, plan, row)
            stats[source.name].end(
                "num_errors" if row.error is not None else "num_insertions" for row in rows
            )
    return UpdateInfo(stats)


def evaluate_row(flow: Flow, source_name: str, key: tuple[Any, ...]) -> dict[str, Any]:
    """Return one row's fields, nested rows, collected rows and error, as JSON.

    Raises:
        NotFound: There is no such source, or no such row in it.
    """
    graph = flow.graph
    source = next((s for s in graph.sources if s.name == source_name), None)
    if source is None:
        names = ", ".join(s.name for s in graph.sources)
        raise NotFound(f"There is no source {source_name!r}.", hint=f"Sources: {names}.")
    # Every loop puts its rows back, so that tables have the fields that were added to their rows.
    fields = visible_fields(source.scope)
    plan = compile_source(graph, source)
    evaluated = list(_evaluated(flow, plan, [ListedRow(key)], use_cache=True))
    if not evaluated:
        raise NotFound(f"Source {source_name!r} has no row with the key {key!r}.")
    row, frame = evaluated[0]
    slots = {field.name: field.slot for field in source.scope.fields.values()}
    values = [frame[slots[f.name]] if slots[f.name] < len(frame) else None for f in fields]
    return {
        "key": shown_row(source.connector.schema.key, key),
        "fields": shown_row(fields, values),
        "collected": _collected(graph, row),
        "error": None if row.error is None else row.error_text()[0],
    }


def _listings(plan: SourcePlan) -> Iterator[list[ListedRow]]:
    for batch in listings(plan.source.connector):
        rows = list(batch)
        for start in range(0, len(rows), _BATCH_ROWS):
            yield rows[start : start + _BATCH_ROWS]


def _evaluated(
    flow: Flow, plan: SourcePlan, listed: list[ListedRow], use_cache: bool
) -> Iterator[tuple[RowState, list[Any]]]:
    """Evaluate rows and yield each with its frame; rows that are gone are left out."""
    missing = [row.key for row in listed if row.value is None]
    read = iter(run_maybe_async(plan.source.connector.read, missing) if missing else ())
    frames: list[list[Any]] = []
    rows: list[tuple[RowState, list[Any]]] = []
    for entry in listed:
        content = ReadRow(entry.value) if entry.value is not None else next(read)
        row = RowState(entry.key, pack_key(entry.key), entry, None, collectors=plan.collectors)
        if isinstance(content, Exception):
            row.fail("read", content)
            rows.append((row, [row, *entry.key]))
        elif content.value is not None:
            frame = [row, *entry.key, *content.value]
            frame += [None] * (plan.slots - len(frame))
            frames.append(frame)
            rows.append((row, frame))
    memo = MemoSession(_existing_store(flow) if use_cache else None, write=False)
    plan.run(frames, Batch(memo))
    yield from rows


def _existing_store(flow: Flow) -> Any:
    """Return the state store if there is one; evaluating must not make it."""
    return flow.store if context.state_exists() else None


def _dump(folder: Path, graph: FlowGraph, plan: SourcePlan, row: RowState) -> None:
    import yaml

    name = quote("/".join(str(part) for part in row.key), safe="")
    if len(name) > _NAME_LENGTH:
        # A digest keeps two long names apart.
        tail = hashlib.sha256(name.encode()).hexdigest()[:16]
        name = f"{name[: _NAME_LENGTH - 17]}_{tail}"
    content = {
        "key": shown_row(plan.source.connector.schema.key, row.key),
        "exports": _collected(graph, row),
        "error": None if row.error is None else row.error_text()[0],
    }
    text = yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    (folder / f"{plan.source.name}@{name}.yaml").write_text(text, encoding="utf-8")


def _collected(graph: FlowGraph, row: RowState) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for export in graph.exports:
        number = graph.collectors.index(export.collector)
        if export.grouping is not None:
            continue
        rows = row.collected[number] if number < len(row.collected) else []
        shown[export.name] = [shown_row(export.collector.fields, values) for values in rows]
    return shown
