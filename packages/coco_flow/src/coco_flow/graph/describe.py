"""A flow's graph as JSON, for `show`, the HTTP server and the console."""

from __future__ import annotations

from typing import Any

from coco_flow.graph.check import export_schema
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
from coco_flow.targets.registry import kind_of
from coco_flow.types.dump import dump_engine_object

__all__ = ["described_graph", "described_source"]


def described_graph(graph: FlowGraph) -> dict[str, Any]:
    """Return sources with their operations, collectors and exports; no secret is part of it."""
    return {
        "name": graph.name,
        "sources": [described_source(source) for source in graph.sources],
        "collectors": [
            {"name": c.name, "fields": [field.encode() for field in c.fields]}
            for c in graph.collectors
        ],
        "exports": [
            {
                "name": export.name,
                "kind": kind_of(export.spec),
                "spec": dump_engine_object(export.spec),
                "collector": export.collector.name,
                "key": [field.encode() for field in export_schema(export).key],
                "value": [field.encode() for field in export_schema(export).value],
                "index": dump_engine_object(export.index),
                "setup_by_user": export.setup_by_user,
            }
            for export in graph.exports
        ],
        "declarations": [
            {"kind": type(spec).__name__, "spec": dump_engine_object(spec)}
            for spec in graph.declarations
        ],
    }


def described_source(source: Source) -> dict[str, Any]:
    """Return one source: its spec, its fields and what happens to its rows."""
    interval = source.refresh_interval
    return {
        "name": source.name,
        "kind": type(source.spec).__name__,
        "spec": dump_engine_object(source.spec),
        "refresh_interval": None if interval is None else interval.total_seconds(),
        "change_capture": source.connector.change_capture,
        "max_inflight_rows": source.max_inflight_rows,
        "max_inflight_bytes": source.max_inflight_bytes,
        **_described_scope(source.scope),
    }


def _described_scope(scope: Scope) -> dict[str, Any]:
    return {
        "fields": [
            {
                "name": f.name,
                "type": f.type.encode(),
                "slot": f.slot,
                "key": f.slot <= scope.key_parts,
            }
            for f in scope.fields.values()
        ],
        "operations": [_described_operation(operation, scope) for operation in scope.operations],
    }


def _described_operation(operation: Any, scope: Scope) -> dict[str, Any]:
    if isinstance(operation, Transform):
        function = operation.function
        output = next(f.name for f in scope.fields.values() if f.slot == operation.output)
        return {
            "op": "transform",
            "name": operation.name,
            "function": function.kind,
            "spec": dump_engine_object(function.spec),
            "arguments": [
                {"keyword": bound.keyword, **_described_value(ref)}
                for bound, ref in zip(function.arguments, operation.arguments, strict=True)
            ],
            "output": output,
            "type": function.result_type.encode(),
            "options": {
                "cache": function.options.cache,
                "batching": function.options.batching,
                "gpu": function.options.gpu,
                "behavior_version": function.options.behavior_version,
            },
        }
    if isinstance(operation, ForEach):
        return {
            "op": "for_each",
            "table": ".".join(operation.table.names),
            **_described_scope(operation.scope),
        }
    assert isinstance(operation, Collect)
    return {
        "op": "collect",
        "collector": operation.collector.name,
        "fields": {name: _described_value(ref) for name, ref in operation.fields},
        "uuid_field": operation.uuid_field,
    }


def _described_value(ref: ValueRef) -> dict[str, Any]:
    if isinstance(ref, Constant):
        return {"constant": dump_engine_object(ref.value), "type": ref.type.encode()}
    assert isinstance(ref, FieldRef)
    return {"scope": ref.scope.name, "field": ".".join(ref.names)}
