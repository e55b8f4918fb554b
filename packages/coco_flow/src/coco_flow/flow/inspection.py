"""Inspection of a flow and its rows: schema, keys, a row's lineage and its state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgpack

from coco_core.errors import NotFound
from coco_flow.engine.plan import compile_flow
from coco_flow.flow.evaluation import evaluate_row
from coco_flow.flow.shown import shown_row
from coco_flow.graph.extended import visible_fields
from coco_flow.state import sql
from coco_flow.types.codec import pack_key, unpack_key

if TYPE_CHECKING:
    from coco_flow.flow.flow import Flow
    from coco_flow.graph.model import Source

__all__ = ["flow_schema", "known_keys", "parsed_key", "row_lineage", "row_state"]


def flow_schema(flow: Flow) -> dict[str, Any]:
    """Return the fields of each source's rows, nested ones included, and what is exported."""
    described = flow.describe()
    for source, shown in zip(flow.graph.sources, described["sources"], strict=True):
        shown["schema"] = [field.encode() for field in visible_fields(source.scope)]
    return described


def known_keys(flow: Flow, source_name: str, limit: int, offset: int) -> list[dict[str, Any]]:
    """Return a page of the keys that earlier updates have processed."""
    source = _source(flow, source_name)
    source_id = _source_id(flow, source_name)
    if source_id is None:
        return []
    keys = flow.store.keys(source_id, limit, offset)
    return [shown_row(source.connector.schema.key, unpack_key(key)) for key in keys]


def parsed_key(flow: Flow, source_name: str, values: list[str]) -> tuple[Any, ...]:
    """Return a key given as text, one part after the other.

    Raises:
        ValueError: A part is not of the key field's type, or their number is another.
    """
    fields = _source(flow, source_name).connector.schema.key
    if len(values) != len(fields):
        names = ", ".join(field.name for field in fields)
        raise ValueError(
            f"The key of {source_name!r} has {len(fields)} part(s) ({names}), got {len(values)}."
        )
    return tuple(
        _parsed(field.name, field.value_type.type, value)
        for field, value in zip(fields, values, strict=True)
    )


def row_lineage(flow: Flow, source_name: str, key: tuple[Any, ...]) -> dict[str, Any]:
    """Return a row's source fields, every value computed from them, and what is collected."""
    lineage = evaluate_row(flow, source_name, key)
    lineage["state"] = row_state(flow, source_name, key)
    return lineage


def row_state(flow: Flow, source_name: str, key: tuple[Any, ...]) -> dict[str, Any] | None:
    """Return what is recorded of a row: freshness, target keys, failure; or None."""
    source_id = _source_id(flow, source_name)
    if source_id is None:
        return None
    encoded = pack_key(key)
    found = flow.store.connection.execute(sql.SELECT_ROW, (source_id, encoded))
    if not found:
        return None
    _, _token, ordinal, digest, logic, attention, targets, staging = found[0]
    flow_id = flow.store.flow_id(flow.full_name) or 0
    resources = {r.id: r for r in flow.store.resources(flow_id)}
    current = _current_logic(flow, source_name)
    error = next(
        (e for e in flow.store.errors(flow_id) if e.source == source_name and e.key == encoded),
        None,
    )
    return {
        "ordinal": ordinal,
        "content_digest": None if digest is None else digest.hex(),
        "logic_is_current": logic == current,
        "attention": attention,
        "write_unfinished": staging is not None,
        "targets": {
            resources[number].name: [list(map(str, unpack_key(k))) for k in rows]
            for number, rows in _unpacked(targets).items()
            if number in resources
        },
        "error": None if error is None else {"step": error.step, "message": error.message},
    }


def _current_logic(flow: Flow, source_name: str) -> bytes | None:
    flow_id = flow.store.flow_id(flow.full_name)
    resources = {r.name: r for r in flow.store.resources(flow_id)} if flow_id else {}
    if any(export.name not in resources for export in flow.graph.exports):
        return None
    plan = compile_flow(flow.graph, resources)
    return next(p.logic for p in plan.sources if p.source.name == source_name)


def _source(flow: Flow, name: str) -> Source:
    for source in flow.graph.sources:
        if source.name == name:
            return source
    names = ", ".join(source.name for source in flow.graph.sources)
    raise NotFound(f"Flow {flow.name!r} has no source {name!r}.", hint=f"Sources: {names}.")


def _source_id(flow: Flow, name: str) -> int | None:
    flow_id = flow.store.flow_id(flow.full_name)
    return flow.store.sources(flow_id).get(name) if flow_id is not None else None


def _parsed(name: str, kind: Any, text: str) -> Any:
    import datetime
    import uuid

    parsers: dict[str, Any] = {
        "Str": str, "Int64": int, "Uuid": uuid.UUID, "Bool": lambda t: t.lower() == "true",
        "Date": datetime.date.fromisoformat, "OffsetDateTime": datetime.datetime.fromisoformat,
        "LocalDateTime": datetime.datetime.fromisoformat, "Time": datetime.time.fromisoformat,
        "Bytes": bytes.fromhex,
    }  # fmt: skip
    parse = parsers.get(kind.kind)
    if parse is None:
        raise ValueError(
            f"Key parts of kind {kind.kind!r} (field {name!r}) cannot be given as text."
        )
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a {kind.kind} for the key field {name!r}.") from error


def _unpacked(data: bytes | None) -> dict[int, Any]:
    found: dict[int, Any] = msgpack.unpackb(data, strict_map_key=False) if data else {}
    return found
