"""Compiles the scopes of a flow into steps over batches of frames."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from coco_flow.engine.calls import Step, compile_transform
from coco_flow.engine.frames import Batch, Frame, reader_of, root_reader
from coco_flow.engine.limits import Limiter, admitted, parts_within
from coco_flow.graph.model import Collect, ForEach, Scope, Transform
from coco_flow.types.codec import digest, make_packer

if TYPE_CHECKING:
    from coco_flow.graph.model import Collector

__all__ = ["compile_scope"]


def compile_scope(scope: Scope, collectors: list[Collector], source_name: str) -> Step:
    """Return one step that runs all operations of `scope`, nested ones included."""
    steps = [_compile(operation, scope, collectors, source_name) for operation in scope.operations]
    root = root_reader(scope.depth)

    def run(frames: list[Frame], batch: Batch) -> None:
        for step in steps:
            failures = batch.failures
            step(frames, batch)
            if batch.failures != failures:
                frames = [frame for frame in frames if root(frame).error is None]

    return run


def _compile(operation: Any, scope: Scope, collectors: list[Collector], source_name: str) -> Step:
    if isinstance(operation, Transform):
        return compile_transform(operation, scope)
    if isinstance(operation, ForEach):
        return _compile_loop(operation, scope, collectors, source_name)
    return _compile_collect(operation, scope, collectors, source_name)


def _compile_loop(
    operation: ForEach, scope: Scope, collectors: list[Collector], source_name: str
) -> Step:
    read = reader_of(operation.table, scope)
    body = _limited(operation, compile_scope(operation.scope, collectors, source_name))
    given = len(_table_fields(operation))
    computed = [None] * (operation.scope.slots - 1 - given)

    def step(frames: list[Frame], batch: Batch) -> None:
        body([[frame, *row, *computed] for frame in frames for row in read(frame) or ()], batch)

    if not operation.write_back:
        return step
    slots = [
        field.slot
        for field in sorted(operation.scope.fields.values(), key=lambda field: field.slot)
        if not field.name.startswith("_") or field.slot <= operation.scope.key_parts
    ]
    slot, path = operation.table.slot, operation.table.path

    def step_with_rows(frames: list[Frame], batch: Batch) -> None:
        tables = [read(frame) for frame in frames]
        children = [
            [[frame, *row, *computed] for row in table or ()]
            for frame, table in zip(frames, tables, strict=True)
        ]
        body([child for rows in children for child in rows], batch)
        for frame, rows, table in zip(frames, children, tables, strict=True):
            if table is not None:
                extended = [[child[place] for place in slots] for child in rows]
                frame[slot] = _with_part(frame[slot], path, extended)

    return step_with_rows


def _limited(operation: ForEach, body: Step) -> Step:
    """Return the steps on a table's rows, with no more in flight than the loop allows."""
    if operation.max_inflight_rows is None and operation.max_inflight_bytes is None:
        return body
    # One for all tables of this loop, whichever row they belong to.
    limiter = Limiter(operation.max_inflight_rows, operation.max_inflight_bytes)
    root = root_reader(operation.scope.depth)

    def step(frames: list[Frame], batch: Batch) -> None:
        for part, size in parts_within(limiter, frames):
            with admitted([limiter], len(part), size):
                body([frame for frame in part if root(frame).error is None], batch)

    return step


def _with_part(value: Any, path: tuple[int, ...], part: Any) -> Any:
    """Return a struct with one of its parts replaced."""
    if not path:
        return part
    copied = list(value)
    copied[path[0]] = _with_part(value[path[0]], path[1:], part)
    return copied


def _table_fields(operation: ForEach) -> list[Any]:
    from coco_flow.types.schema import TableType

    table = operation.table.type.type
    return list(table.row.fields) if isinstance(table, TableType) else []


def _compile_collect(
    operation: Collect, scope: Scope, collectors: list[Collector], source_name: str
) -> Step:
    collector = operation.collector
    number = collectors.index(collector)
    given = dict(operation.fields)
    readers: list[Callable[[Frame], Any]] = [
        reader_of(given[field.name], scope) if field.name in given else _absent
        for field in collector.fields
    ]
    root = root_reader(scope.depth)
    if operation.uuid_field is None:

        def step(frames: list[Frame], _batch: Batch) -> None:
            for frame in frames:
                root(frame).collected[number].append([read(frame) for read in readers])

        return step
    place = next(i for i, f in enumerate(collector.fields) if f.name == operation.uuid_field)
    packers = [make_packer(field.value_type) for field in collector.fields]
    packers[place] = lambda _value: b""
    prefix = f"{collector.name}\0{source_name}".encode()

    def step_with_uuid(frames: list[Frame], _batch: Batch) -> None:
        for frame in frames:
            row = [read(frame) for read in readers]
            state = root(frame)
            values = [
                pack(value) if value is not None else b"\xc0"
                for pack, value in zip(packers, row, strict=True)
            ]
            content = digest(prefix, state.key_bytes, *values)
            # Equal rows of one source row are distinguished by their number.
            occurrence = state.seen_uuids[content] = state.seen_uuids.get(content, 0) + 1
            row[place] = _made_uuid(content, occurrence)
            state.collected[number].append(row)

    return step_with_uuid


def _made_uuid(content: bytes, occurrence: int) -> uuid.UUID:
    made = digest(content, occurrence.to_bytes(4, "big"))
    number = int.from_bytes(made, "big")
    # Version 8 is the one for ids made by an application's own rule (RFC 9562).
    number = (number & ~(0xF << 76)) | (8 << 76)
    number = (number & ~(0x3 << 62)) | (0x2 << 62)
    return uuid.UUID(int=number)


def _absent(_frame: Frame) -> None:
    return None
