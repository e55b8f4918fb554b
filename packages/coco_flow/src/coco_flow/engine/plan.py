"""A flow compiled for execution: one plan for each source, one for each export."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from coco_flow.engine.calls import Step
from coco_flow.engine.compile import compile_scope
from coco_flow.engine.exports import ExportPlan, compile_export
from coco_flow.graph.model import (
    Collect,
    Constant,
    FieldRef,
    FlowGraph,
    ForEach,
    Scope,
    Source,
    Transform,
    ValueRef,
)
from coco_flow.state.store import Resource
from coco_flow.types.codec import digest, make_packer, pack_any
from coco_flow.types.dump import dump_engine_object

__all__ = ["FlowPlan", "SourcePlan", "compile_flow", "compile_source", "logic_digest"]


@dataclass(slots=True)
class SourcePlan:
    """One source, compiled.

    Attributes:
        run: Evaluates a batch of frames of its rows.
        slots: Length of a frame.
        logic: Digest of all that decides what a row leads to, besides its content.
        pack_value: Canonical bytes of a row's value fields, for the content digest.
        waits: True if some function waits for others (a service, a model, a process), so that
            batches should overlap.
    """

    source: Source
    run: Step
    slots: int
    collectors: int
    logic: bytes
    pack_value: Callable[[Sequence[Any]], bytes]
    waits: bool


@dataclass(slots=True)
class FlowPlan:
    """A whole flow, compiled for the targets as they are set up."""

    graph: FlowGraph
    sources: tuple[SourcePlan, ...]
    exports: tuple[ExportPlan, ...]
    resource_keys: dict[int, Any]


def compile_flow(graph: FlowGraph, resources: dict[str, Resource]) -> FlowPlan:
    """Compile a flow; `resources` are the set-up targets by export name."""
    exports = tuple(
        compile_export(graph, export, resources[export.name].id, resources[export.name].epoch)
        for export in graph.exports
    )
    return FlowPlan(
        graph=graph,
        sources=tuple(compile_source(graph, source, exports) for source in graph.sources),
        exports=exports,
        resource_keys={resource.id: resource.key for resource in resources.values()},
    )


def compile_source(
    graph: FlowGraph, source: Source, exports: Sequence[ExportPlan] = ()
) -> SourcePlan:
    """Compile what happens to the rows of one source."""
    functions = list(_functions(source.scope))
    return SourcePlan(
        source=source,
        run=compile_scope(source.scope, graph.collectors, source.name),
        slots=source.scope.slots,
        collectors=len(graph.collectors),
        logic=logic_digest(graph, source, exports),
        pack_value=make_packer(source.connector.schema.value),
        waits=any(
            op.function.is_async or op.function.options.batching or op.function.options.gpu
            or op.function.options.cache
            for op in functions
        ),
    )  # fmt: skip


def _functions(scope: Scope) -> list[Transform]:
    found: list[Transform] = []
    for operation in scope.operations:
        if isinstance(operation, Transform):
            found.append(operation)
        elif isinstance(operation, ForEach):
            found.extend(_functions(operation.scope))
    return found


def logic_digest(graph: FlowGraph, source: Source, exports: Sequence[ExportPlan]) -> bytes:
    """Return the digest of the operations on a source's rows and of the exports that they feed.

    Auto-made names are no part of it: reordering lines that do not depend on each other, or
    renaming a field, recomputes nothing.
    """
    fed: set[int] = set()
    described: list[Any] = [
        pack_any(json.loads(json.dumps(dump_engine_object(source.connector.content_options)))),
        _described_scope(source.scope, graph, fed),
    ]
    for plan in exports:
        if plan.collector in fed:
            names = [field.name for field in (*plan.schema.key, *plan.schema.value)]
            described.append([plan.resource_id, plan.epoch, len(plan.schema.key), names])
    return digest(pack_any(described))


def _described_scope(scope: Scope, graph: FlowGraph, fed: set[int]) -> list[Any]:
    described: list[Any] = []
    for operation in scope.operations:
        if isinstance(operation, Transform):
            described.append(
                ["call", operation.function.identity, [_place(ref, scope) for ref in
                 operation.arguments]]
            )  # fmt: skip
        elif isinstance(operation, ForEach):
            body = _described_scope(operation.scope, graph, fed)
            described.append(["rows", _place(operation.table, scope), body])
        elif isinstance(operation, Collect):
            number = graph.collectors.index(operation.collector)
            fed.add(number)
            described.append(
                ["collect", number, operation.uuid_field,
                 [[name, _place(ref, scope)] for name, ref in operation.fields]]
            )  # fmt: skip
    return described


def _place(ref: ValueRef, scope: Scope) -> list[Any]:
    if isinstance(ref, Constant):
        return ["constant", ref.value, ref.type.encode()]
    assert isinstance(ref, FieldRef)
    return [scope.depth - ref.scope.depth, ref.slot, list(ref.path)]
