"""Cypher for the rows of a graph's exports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from coco_flow.errors import RowFailed
from coco_flow.targets.graph_dialect import Dialect, quoted
from coco_flow.targets.json_value import json_encoder

if TYPE_CHECKING:
    from coco_flow.targets.graph_plan import (
        Column,
        EndPlan,
        LabelPlan,
        NodePlan,
        Property,
        RelationshipPlan,
    )
    from coco_flow.targets.graph_values import Encoder

__all__ = [
    "EXPORTED",
    "KEY_TEXT",
    "LabelCypher",
    "NodeCypher",
    "RelationshipCypher",
    "Statement",
]

EXPORTED = "__exported"
"""Property of nodes that an export wrote: they stay without relationships."""

KEY_TEXT = "__key"
"""Property that holds the whole key as JSON text where a database cannot take it in parts."""

_Values: TypeAlias = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Statement:
    """Cypher over a list of rows, the parameter `rows`.

    Attributes:
        text: The statement.
        rows: A map for each row, by alias.
        types: The type of each alias, for databases that require it.
    """

    text: str
    rows: Sequence[Mapping[str, Any]] = ()
    types: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Slot:
    """A property as a statement writes it from a row's map."""

    name: str
    alias: str
    parameter_type: str
    written: str

    @property
    def assigned(self) -> str:
        return f"{quoted(self.name)}: {self.written}"


class LabelCypher:
    """Statements about nodes of one label that know their key only."""

    def __init__(self, dialect: Dialect, plan: LabelPlan) -> None:
        self.label = plan.label
        self.identity = _identity(dialect, plan.key, "k")
        self.types = {slot.alias: slot.parameter_type for slot in self.identity}
        self.pattern = _pattern("n", plan.label, self.identity)
        # A property that relationships write too does not go with the exported row.
        own = [each.name for each in plan.properties if each.name not in plan.shared]
        cleared = ", ".join(f"n.{quoted(name)} = NULL" for name in (EXPORTED, *own))
        self._unflag = f"UNWIND $rows AS row MATCH {self.pattern} SET {cleared}"
        self._prune = (
            f"UNWIND $rows AS row MATCH {self.pattern} "
            f"WHERE n.{EXPORTED} IS NULL AND NOT (n)--() DELETE n"
        )

    def unflag(self, identities: Iterable[_Values]) -> Statement:
        """Return the statement after which the nodes live by their relationships only."""
        return self._statement(self._unflag, identities)

    def prune(self, identities: Iterable[_Values]) -> Statement:
        """Return the statement that removes those nodes that nothing keeps."""
        return self._statement(self._prune, identities)

    def _statement(self, text: str, identities: Iterable[_Values]) -> Statement:
        aliases = list(self.types)
        rows = [dict(zip(aliases, each, strict=True)) for each in identities]
        return Statement(text, rows, self.types)


class NodeCypher:
    """Statements of an export whose rows are nodes."""

    def __init__(self, dialect: Dialect, plan: NodePlan, label: LabelPlan) -> None:
        self.label = LabelCypher(dialect, label)
        self.identify = _identifier(dialect, plan.key)
        self._merge = _Merge(
            dialect,
            label,
            plan.key,
            plan.properties,
            vectors={index.field for index in label.vector_indexes},
            exported=True,
        )

    def merge(self, rows: Iterable[_Values]) -> Statement:
        """Return the statement that writes the nodes of these rows."""
        return self._merge.statement(rows)


class RelationshipCypher:
    """Statements of an export whose rows are relationships."""

    def __init__(
        self, dialect: Dialect, plan: RelationshipPlan, source: LabelPlan, target: LabelPlan
    ) -> None:
        self.rel_type = plan.rel_type
        self.source = LabelCypher(dialect, source)
        self.target = LabelCypher(dialect, target)
        self._ends = (
            _End(dialect, plan, plan.source, source),
            _End(dialect, plan, plan.target, target),
        )
        self.identify = _identifier(dialect, plan.key)
        identity = _identity(dialect, plan.key, "k")
        keys = () if identity[0].name != KEY_TEXT else plan.key
        vectors = {index.field for index in plan.vector_indexes}
        slots = _slots(dialect, (*keys, *plan.properties), "p", vectors)
        self._readers = _readers(dialect, (*keys, *plan.properties))
        self._key_types = {slot.alias: slot.parameter_type for slot in identity}
        self._slots = slots
        sources = _identity(dialect, source.key, "s")
        targets = _identity(dialect, target.key, "t")
        self._types = {
            slot.alias: slot.parameter_type for slot in (*identity, *sources, *targets, *slots)
        }
        relationship = f"[r:{quoted(plan.rel_type)} {{{_map(identity)}}}]"
        keys_of = (("r", identity), ("s", sources), ("t", targets))
        returned = [
            dialect.read(f"{variable}.{quoted(slot.name)}")
            for variable, slots_of in keys_of
            for slot in slots_of
        ]
        found = dialect.found(
            quoted(plan.rel_type),
            quoted(source.label),
            quoted(target.label),
            {quoted(slot.name): (slot.alias, slot.written) for slot in identity},
        )
        self._find = f"{found} RETURN {', '.join(returned)}"
        self._delete = f"{found} DELETE r"
        assigned = ", ".join(f"r.{quoted(slot.name)} = {slot.written}" for slot in slots)
        self._create = (
            f"UNWIND $rows AS row MATCH {_pattern('s', source.label, sources)} "
            f"MATCH {_pattern('t', target.label, targets)} CREATE (s)-{relationship}->(t)"
            + (f" SET {assigned}" if assigned else "")
        )

    def find(self, identities: Iterable[_Values]) -> Statement:
        """Return the query for relationships: their keys, those of their sources and targets."""
        return Statement(self._find, self._keyed(identities), self._key_types)

    def split(self, found: _Values) -> tuple[_Values, _Values, _Values]:
        """Return the three keys in a row of what `find` found."""
        own, source = len(self._key_types), len(self.source.identity)
        return found[:own], found[own : own + source], found[own + source :]

    def delete(self, identities: Iterable[_Values]) -> Statement:
        """Return the statement that deletes relationships and leaves their ends."""
        return Statement(self._delete, self._keyed(identities), self._key_types)

    def merge_ends(self, rows: Sequence[_Values]) -> list[Statement]:
        """Return the statements that make the nodes at the ends."""
        return [end.merge(rows) for end in self._ends]

    def create(self, rows: Iterable[_Values]) -> Statement:
        """Return the statement that makes the relationships of these rows between their ends."""
        aliases = list(self._types)
        maps = []
        for row in rows:
            values = (
                *self.identify(row),
                *self._ends[0].identify(row),
                *self._ends[1].identify(row),
                *(read(row) for read in self._readers),
            )
            maps.append(dict(zip(aliases, values, strict=True)))
        return Statement(self._create, maps, self._types)

    def _keyed(self, identities: Iterable[_Values]) -> list[dict[str, Any]]:
        aliases = list(self._key_types)
        return [dict(zip(aliases, each, strict=True)) for each in identities]


class _End:
    """One end of the relationships of an export."""

    def __init__(
        self, dialect: Dialect, of: RelationshipPlan, plan: EndPlan, label: LabelPlan
    ) -> None:
        self.identify = _identifier(dialect, plan.key)
        self._of = of
        self._plan = plan
        self._merge = _Merge(
            dialect,
            label,
            plan.key,
            plan.properties,
            vectors={index.field for index in label.vector_indexes},
            exported=False,
        )

    def merge(self, rows: Sequence[_Values]) -> Statement:
        unique = {}
        for row in rows:
            if any(row[column.position] is None for column in self._plan.key):
                which = "source" if self._plan is self._of.source else "target"
                key = ", ".join(repr(value) for value in row[: len(self._of.key)])
                raise RowFailed(
                    f"The relationship {self._of.rel_type!r} with the key {key} has no value for "
                    f"the key of its {which}, {self._plan.label!r}.",
                    hint="Collect only rows whose ends are known.",
                )
            unique[repr(self.identify(row))] = row
        return self._merge.statement(unique.values())


class _Merge:
    """Makes or changes nodes by their key."""

    def __init__(
        self,
        dialect: Dialect,
        label: LabelPlan,
        key: Sequence[Column],
        properties: Sequence[Column],
        *,
        vectors: AbstractSet[str],
        exported: bool,
    ) -> None:
        identity = _identity(dialect, label.key, "k")
        stored = (*(key if identity[0].name == KEY_TEXT else ()), *properties)
        slots = _slots(dialect, stored, "p", vectors)
        assigned = [f"n.{quoted(slot.name)} = {slot.written}" for slot in slots]
        if exported:
            assigned.append(f"n.{EXPORTED} = true")
        self._text = f"UNWIND $rows AS row MERGE {_pattern('n', label.label, identity)}" + (
            f" SET {', '.join(assigned)}" if assigned else ""
        )
        self._types = {slot.alias: slot.parameter_type for slot in (*identity, *slots)}
        self._identify = _identifier(dialect, key)
        self._readers = _readers(dialect, stored)

    def statement(self, rows: Iterable[_Values]) -> Statement:
        aliases = list(self._types)
        maps = [
            dict(
                zip(
                    aliases,
                    (*self._identify(row), *(read(row) for read in self._readers)),
                    strict=True,
                )
            )
            for row in rows
        ]
        return Statement(self._text, maps, self._types)


def _pattern(variable: str, label: str, identity: Sequence[_Slot]) -> str:
    return f"({variable}:{quoted(label)} {{{_map(identity)}}})"


def _map(slots: Sequence[_Slot]) -> str:
    return ", ".join(slot.assigned for slot in slots)


def _slots(
    dialect: Dialect,
    columns: Sequence[Property | Column],
    prefix: str,
    vectors: AbstractSet[str],
) -> tuple[_Slot, ...]:
    slots = []
    for number, column in enumerate(columns):
        alias, type_name = f"{prefix}{number}", dialect.type_name(column.type)
        indexed = column.name in vectors
        written = dialect.written(f"row.{alias}", type_name, vector_index=indexed)
        slots.append(_Slot(column.name, alias, dialect.parameter_type(column.type), written))
    return tuple(slots)


def _identity(dialect: Dialect, key: Sequence[Property | Column], prefix: str) -> tuple[_Slot, ...]:
    """Return the properties that identify a node or relationship."""
    if not dialect.takes_key([each.type for each in key]):
        # JSON text is a string in every database.
        alias = f"{prefix}0"
        return (_Slot(KEY_TEXT, alias, "STRING", dialect.written(f"row.{alias}", "STRING")),)
    return _slots(dialect, key, prefix, frozenset())


def _identifier(dialect: Dialect, key: Sequence[Column]) -> Callable[[_Values], tuple[Any, ...]]:
    """Return what takes the values of `_identity` out of a row, in the same order."""
    if dialect.takes_key([column.type for column in key]):
        readers = [_reader(column, dialect.encoder(column.type)) for column in key]
        return lambda row: tuple(read(row) for read in readers)
    readers = [_reader(column, json_encoder(column.type.type)) for column in key]
    return lambda row: (dialect.key_text([read(row) for read in readers]),)


def _readers(dialect: Dialect, columns: Sequence[Column]) -> list[Callable[[_Values], Any]]:
    return [_reader(column, dialect.encoder(column.type)) for column in columns]


def _reader(column: Column, encode: Encoder | None) -> Callable[[_Values], Any]:
    position = column.position
    if encode is None:
        return lambda row: row[position]
    return lambda row: None if row[position] is None else encode(row[position])
