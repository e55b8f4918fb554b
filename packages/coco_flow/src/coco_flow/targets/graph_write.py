"""The order in which rows are written to a graph: no relationship without ends, no orphan."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from coco_flow.targets.graph_cypher import (
    LabelCypher,
    NodeCypher,
    RelationshipCypher,
    Statement,
)
from coco_flow.targets.table_state import final_rows

if TYPE_CHECKING:
    from coco_flow.ports import Key, Row, TargetBatch

__all__ = ["GraphStore", "GraphTarget", "Job", "Read", "job_of"]

# Enough to make a statement's own cost small, few enough for a server's limit on a message.
_MAX_ROWS = 2_000

Read: TypeAlias = Callable[[Statement], Sequence[Sequence[Any]]]

Job: TypeAlias = Callable[[Read], Sequence[Statement]]
"""Reads the graph and returns the statements that change it."""


class GraphStore(Protocol):
    """A connection to a graph database."""

    def run(self, text: str) -> Sequence[Sequence[Any]]:
        """Run one statement outside of a transaction."""
        ...

    def write(self, job: Job) -> None:
        """Apply a job, all or nothing where the database can."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


@dataclass(frozen=True, slots=True)
class GraphTarget:
    """An open target: one export to a graph."""

    connection: str
    store: GraphStore
    cypher: NodeCypher | RelationshipCypher


def job_of(batches: Sequence[TargetBatch]) -> Job:
    """Return the job that applies the batches of targets in one graph."""
    nodes, relationships = [], []
    for batch in batches:
        upserts, deletes = final_rows(batch)
        rows = [(*key, *row) for key, row in upserts]
        cypher = batch.target.cypher
        if isinstance(cypher, NodeCypher):
            nodes.append(_Nodes(cypher, rows, deletes))
        else:
            relationships.append(_Relationships(cypher, upserts, rows, deletes))

    def job(read: Read) -> list[Statement]:
        orphans = _Candidates()
        statements: list[Statement] = []
        for each in relationships:
            statements += _parts(each.cypher.delete(each.find(read, orphans)))
        for of in nodes:
            statements += _parts(of.cypher.merge(of.rows))
        for each in relationships:
            for ends in each.cypher.merge_ends(each.rows):
                statements += _parts(ends)
            statements += _parts(each.cypher.create(each.rows))
        for of in nodes:
            gone = [of.cypher.identify(key) for key in of.deletes]
            statements += _parts(of.cypher.label.unflag(gone))
            orphans.add(of.cypher.label, gone)
        return statements + orphans.prune()

    return job


@dataclass(frozen=True, slots=True)
class _Nodes:
    cypher: NodeCypher
    rows: Sequence[Sequence[Any]]
    deletes: Sequence[Key]


class _Relationships:
    def __init__(
        self,
        cypher: RelationshipCypher,
        upserts: Sequence[tuple[Key, Row]],
        rows: Sequence[Sequence[Any]],
        deletes: Sequence[Key],
    ) -> None:
        self.cypher = cypher
        self.rows = rows
        # A changed row may have other ends now, so it is deleted before it is made again.
        self.identities = [cypher.identify(key) for key in (*(k for k, _ in upserts), *deletes)]

    def find(self, read: Read, orphans: _Candidates) -> list[Sequence[Any]]:
        """Return the keys of those that are there, whose ends they may be the last to keep."""
        there = []
        for part in _parts(self.cypher.find(self.identities)):
            for found in read(part):
                own, source, target = self.cypher.split(found)
                there.append(own)
                orphans.add(self.cypher.source, [source])
                orphans.add(self.cypher.target, [target])
        return there


class _Candidates:
    """Nodes that may have lost what kept them."""

    def __init__(self) -> None:
        self._labels: dict[str, LabelCypher] = {}
        self._found: defaultdict[str, dict[str, Sequence[Any]]] = defaultdict(dict)

    def add(self, label: LabelCypher, identities: Sequence[Sequence[Any]]) -> None:
        self._labels.setdefault(label.label, label)
        self._found[label.label].update((repr(tuple(each)), each) for each in identities)

    def prune(self) -> list[Statement]:
        statements: list[Statement] = []
        for name, found in self._found.items():
            statements += _parts(self._labels[name].prune(found.values()))
        return statements


def _parts(statement: Statement) -> list[Statement]:
    """Split a statement over many rows; over none it is left out."""
    rows = statement.rows
    return [
        Statement(statement.text, rows[start : start + _MAX_ROWS], statement.types)
        for start in range(0, len(rows), _MAX_ROWS)
    ]
