"""Drives a graph target as an engine does, and looks at the graph with another client."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from coco_flow.auth import AuthEntryReference, add_auth_entry
from coco_flow.ports import ExportSchema, SetupChange, TargetBatch, TargetConnector
from coco_flow.targets.registry import connector_of

_numbers = itertools.count(1)

Look = Callable[[str], list[list[Any]]]


@dataclass
class Backend:
    """A kind of graph database with what its targets need.

    Attributes:
        name: For messages.
        target: The class of its target specs.
        declaration: The class of its declarations.
        connection: What is registered as the auth entry.
        look: Runs a query with the database's own client.
        label_of_rel: The function that gives a relationship's type.
    """

    name: str
    target: Any
    declaration: Any
    connection: Any
    look: Look
    typed: bool = False

    def reference(self) -> AuthEntryReference[Any]:
        return add_auth_entry(f"{self.name} {next(_numbers)}", self.connection)


@dataclass
class Graph:
    """The exports of one flow to one graph."""

    backend: Backend
    reference: AuthEntryReference[Any]
    connector: Any = None
    exports: dict[str, tuple[Any, ExportSchema]] = field(default_factory=dict)
    declarations: list[Any] = field(default_factory=list)
    states: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def on(cls, backend: Backend) -> Graph:
        return cls(backend, backend.reference())

    def export(self, name: str, mapping: Any, schema: ExportSchema) -> Graph:
        spec = self.backend.target(connection=self.reference, mapping=mapping)
        self.connector = connector_of(spec)
        self.exports[name] = (spec, schema)
        return self

    def declare(self, label: str, *key: str, **more: Any) -> Graph:
        self.declarations.append(
            self.backend.declaration(
                connection=self.reference, nodes_label=label, primary_key_fields=key, **more
            )
        )
        return self

    def set_up(self) -> Graph:
        """Bring the graph from the last state to what the exports ask for, and open all targets."""
        self.close()
        satisfied = isinstance(self.connector, TargetConnector)
        assert satisfied
        bound, declared = self.connector.bind(list(self.exports.values()), self.declarations)
        wanted: dict[str, tuple[Any, Any]] = {}
        for spec, schema in [
            *zip(bound, (schema for _, schema in self.exports.values()), strict=True),
            *((spec, None) for spec in declared),
        ]:
            key = self.connector.persistent_key(spec, "target", "flow", "")
            wanted[repr(key)] = (key, self.connector.setup_state(spec, schema))
        self._apply(wanted)
        for (name, (_, schema)), spec in zip(self.exports.items(), bound, strict=True):
            key = self.connector.persistent_key(spec, name, "flow", "")
            self.targets[name] = self.connector.open(spec, key, schema)
        return self

    def _apply(self, wanted: Mapping[str, tuple[Any, Any]]) -> None:
        changes = [
            SetupChange(key, (self.states.get(each, (None, None))[1],), state)
            for each, (key, state) in wanted.items()
            if self.states.get(each, (None, None))[1] != state
        ]
        changes += [
            SetupChange(key, (state,), None)
            for each, (key, state) in self.states.items()
            if each not in wanted
        ]
        self.connector.apply_setup(changes)
        self.states = dict(wanted)

    def write(
        self,
        upserts: Mapping[str, Mapping[Any, Sequence[Any]]] | None = None,
        deletes: Mapping[str, Sequence[Any]] | None = None,
    ) -> None:
        """Write all exports of the graph together."""
        upserts, deletes = upserts or {}, deletes or {}
        batches = [
            TargetBatch(
                target,
                [(_key(key), tuple(row)) for key, row in upserts.get(name, {}).items()],
                [_key(key) for key in deletes.get(name, ())],
            )
            for name, target in self.targets.items()
            if name in upserts or name in deletes
        ]
        assert len({self.connector.group(batch.target) for batch in batches}) == 1
        self.connector.write(batches)

    def drop(self) -> None:
        self.close()
        if self.connector is not None:
            self._apply({})

    def close(self) -> None:
        for target in self.targets.values():
            self.connector.close(target)
        self.targets = {}

    # The contents of the graph.

    def nodes(self, label: str, *properties: str) -> list[tuple[Any, ...]]:
        """Return these properties of all nodes, sorted."""
        returned = ", ".join(f"n.`{name}`" for name in properties)
        return _sorted(self.backend.look(f"MATCH (n:`{label}`) RETURN {returned}"))

    def relationships(
        self, source: str, rel_type: str, target: str, *returned: str
    ) -> list[tuple[Any, ...]]:
        """Return expressions over s, r and t for all relationships, sorted."""
        pattern = f"(s:`{source}`)-[r:`{rel_type}`]->(t:`{target}`)"
        return _sorted(self.backend.look(f"MATCH {pattern} RETURN {', '.join(returned)}"))


def _key(key: Any) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _sorted(rows: Sequence[Sequence[Any]]) -> list[tuple[Any, ...]]:
    return sorted((tuple(row) for row in rows), key=repr)
