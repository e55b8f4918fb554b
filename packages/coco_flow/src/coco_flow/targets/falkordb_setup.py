"""Constraints and indexes of a FalkorDB graph."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Protocol

from coco_flow.errors import FlowError
from coco_flow.targets.graph_dialect import quoted
from coco_flow.targets.graph_literal import literal
from coco_flow.targets.graph_setup import ConstrainedGraphSetup, Entity
from coco_flow.targets.graph_state import identity_of
from coco_flow.targets.graph_write import GraphStore

__all__ = ["FalkorDBSetup"]

_FUNCTIONS = {"CosineSimilarity": "cosine", "L2Distance": "euclidean"}

# A constraint is checked against all nodes in the background.
_CONSTRAINT_SECONDS = 600.0
_POLL_SECONDS = 0.05


class FalkorDBSetup(ConstrainedGraphSetup):
    """Unique constraints on keys, and the indexes that they, vectors and texts need."""

    vector_indexes = True
    fts_indexes = True

    def create_schema(
        self,
        store: GraphStore,
        entity: Entity,
        name: str,
        state: dict[str, Any],
        previous: Sequence[dict[str, Any]],
    ) -> None:
        """Make the indexes, then the constraint, which needs one."""
        pattern = _pattern(entity, name)
        there = _indexes(store, entity, name)
        for kind in ("VECTOR", "FULLTEXT"):
            wanted = _of_kind(state, kind)
            for index in (each for old in previous for each in _of_kind(old, kind)):
                if index not in wanted and (kind, index["field"]) in there:
                    store.run(f"DROP {kind} INDEX FOR {pattern} ON (e.{quoted(index['field'])})")
                    there.discard((kind, index["field"]))
            for index in wanted:
                if (kind, index["field"]) not in there:
                    field, options = quoted(index["field"]), _options(index, kind)
                    store.run(f"CREATE {kind} INDEX FOR {pattern} ON (e.{field}){options}")
        # Users search by parts of a key, too.
        for field in dict.fromkeys((*identity_of(state), *state["key"])):
            if ("RANGE", field) not in there:
                store.run(f"CREATE INDEX FOR {pattern} ON (e.{quoted(field)})")
        _constrain(store, entity, name, identity_of(state))

    def drop_schema(
        self, store: GraphStore, entity: Entity, name: str, state: dict[str, Any]
    ) -> None:
        """Remove the constraint, then the indexes."""
        pattern = _pattern(entity, name)
        there = _indexes(store, entity, name)
        key = identity_of(state)
        if _constraint_status(store, entity, name, key) is not None:
            _constraining(store).constraint("DROP", *_constraint(entity, name, key))
        for kind in ("VECTOR", "FULLTEXT"):
            for index in _of_kind(state, kind):
                if (kind, index["field"]) in there:
                    store.run(f"DROP {kind} INDEX FOR {pattern} ON (e.{quoted(index['field'])})")
        for field in dict.fromkeys((*key, *state["key"])):
            if ("RANGE", field) in there:
                store.run(f"DROP INDEX FOR {pattern} ON (e.{quoted(field)})")


class _Constraining(Protocol):
    """A FalkorDB store, which has a command besides Cypher."""

    def run(self, text: str) -> Sequence[Sequence[Any]]: ...

    def constraint(self, *arguments: str | int) -> None: ...


def _constrain(store: GraphStore, entity: Entity, name: str, key: list[str]) -> None:
    # The command takes plain names only. Without it the key is as unique: nodes are merged by it.
    if not key or not all(each.isidentifier() for each in (name, *key)):
        return
    there = _constraint_status(store, entity, name, key)
    if there == "FAILED":
        _constraining(store).constraint("DROP", *_constraint(entity, name, key))
    if there in (None, "FAILED"):
        _constraining(store).constraint("CREATE", *_constraint(entity, name, key))
    deadline = time.monotonic() + _CONSTRAINT_SECONDS
    while (status := _constraint_status(store, entity, name, key)) != "OPERATIONAL":
        if status == "FAILED" or time.monotonic() > deadline:
            raise FlowError(
                f"FalkorDB cannot make the key {', '.join(key)} of {name!r} unique: the "
                f"constraint is {status}.",
                hint="Remove the nodes or relationships that have the same key, and set up again.",
            )
        time.sleep(_POLL_SECONDS)


def _constraint(entity: Entity, name: str, key: Sequence[str]) -> tuple[str | int, ...]:
    return ("UNIQUE", entity.upper(), name, "PROPERTIES", len(key), *key)


def _constraint_status(
    store: GraphStore, entity: Entity, name: str, key: Sequence[str]
) -> str | None:
    found = store.run(
        "CALL db.constraints() YIELD type, label, properties, entitytype, status "
        "RETURN type, label, properties, entitytype, status"
    )
    for type, label, properties, entitytype, status in found:
        if (type, label, entitytype) == ("UNIQUE", name, entity.upper()) and set(properties) == set(
            key
        ):
            return str(status)
    return None


def _constraining(store: GraphStore) -> _Constraining:
    assert hasattr(store, "constraint"), "the store of FalkorDB"
    found: Any = store
    constraining: _Constraining = found
    return constraining


def _indexes(store: GraphStore, entity: Entity, name: str) -> set[tuple[str, str]]:
    """Return kind and field of each index."""
    found = store.run(
        "CALL db.indexes() YIELD label, types, entitytype RETURN label, types, entitytype"
    )
    return {
        (kind, field)
        for label, types, entitytype in found
        if (label, entitytype) == (name, entity.upper())
        for field, kinds in types.items()
        for kind in kinds
    }


def _of_kind(state: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = state["vector_indexes" if kind == "VECTOR" else "fts_indexes"]
    return found


def _options(index: dict[str, Any], kind: str) -> str:
    if kind == "VECTOR":
        options = {
            "dimension": index["dimension"],
            "similarityFunction": _FUNCTIONS[index["metric"]],
            "M": index["m"],
            "efConstruction": index["ef_construction"],
        }
    else:
        options = index["parameters"] or {}
    given = [f"{quoted(k)}: {literal(v)}" for k, v in options.items() if v is not None]
    return f" OPTIONS {{{', '.join(given)}}}" if given else ""


def _pattern(entity: Entity, name: str) -> str:
    return f"(e:{quoted(name)})" if entity == "node" else f"()-[e:{quoted(name)}]->()"
