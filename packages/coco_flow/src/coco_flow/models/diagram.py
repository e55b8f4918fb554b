"""A pipeline as a picture: its tables and models as nodes, what is read as edges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from coco_flow.models.registry import ModelRegistry

if TYPE_CHECKING:
    from coco_flow.models.declaration import Model
    from coco_flow.models.graph import ModelGraph

__all__ = ["Diagram", "Edge", "Node", "diagram_of"]


@dataclass(frozen=True, slots=True)
class Node:
    """A model, or a table from outside.

    Attributes:
        id: The model's name, or the table's.
        kind: "model" or "table".
        table: The table that is written, or that is there.
        level: 0 for a table from outside; models of one level run at the same time.
        description: What a model does; of a table, the model outside the pipeline that writes it.
        write_strategy: The model's.
    """

    id: str
    kind: Literal["model", "table"]
    table: str
    level: int
    description: str = ""
    write_strategy: str | None = None


@dataclass(frozen=True, slots=True)
class Edge:
    """A model reads a table.

    Attributes:
        source: The node that is read.
        target: The model that reads it.
        inputs: The names of the model's inputs that do.
    """

    source: str
    target: str
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes by level, and edges.

    Attributes:
        pipeline: The pipeline's name.
        nodes: Tables from outside first, then models in the order of execution.
        edges: What is read, in the order of the models that read.
    """

    pipeline: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]

    @property
    def levels(self) -> list[list[str]]:
        """The models by level."""
        return [[one.id for one in level] for level in self._levels()]

    def _levels(self) -> list[list[Node]]:
        count = max((one.level for one in self.nodes), default=0)
        return [
            [one for one in self.nodes if one.level == number] for number in range(1, count + 1)
        ]

    @property
    def tables(self) -> list[Node]:
        """The tables from outside."""
        return [one for one in self.nodes if one.kind == "table"]

    def as_dict(self) -> dict[str, Any]:
        """Return the picture as plain data, for a program that draws it."""
        return {
            "pipeline": self.pipeline,
            "levels": self.levels,
            "nodes": [asdict(one) for one in self.nodes],
            "edges": [
                {"source": one.source, "target": one.target, "inputs": list(one.inputs)}
                for one in self.edges
            ],
        }

    def as_text(self) -> str:
        """Return the picture as lines: the levels, and below each model what it reads."""
        return "\n".join(self._text_lines())

    def _text_lines(self) -> Iterator[str]:
        yield f"Pipeline {self.pipeline}"
        if self.tables:
            yield "outside"
            for table in self.tables:
                note = f"  ({table.description})" if table.description else ""
                yield f"  {table.id}{note}"
        for number, level in enumerate(self._levels(), 1):
            yield f"level {number}"
            for node in level:
                yield f"  {node.id} → {node.table} ({node.write_strategy})"
                for edge in self.edges:
                    if edge.target == node.id:
                        yield f"    reads {edge.source} as {', '.join(edge.inputs)}"

    def as_mermaid(self) -> str:
        """Return the picture as a Mermaid flowchart, which documentation sites draw."""
        return "\n".join(self._mermaid_lines())

    def _mermaid_lines(self) -> Iterator[str]:
        # Mermaid's own ids take no dots.
        ids = {node.id: f"n{number}" for number, node in enumerate(self.nodes)}
        yield "flowchart LR"
        for table in self.tables:
            yield f'    {ids[table.id]}[("{_quoted(table.id)}")]'
        for number, level in enumerate(self._levels(), 1):
            yield f'    subgraph level{number}["level {number}"]'
            for node in level:
                yield f'        {ids[node.id]}["{_quoted(node.id)}<br/>{_quoted(node.table)}"]'
            yield "    end"
        for edge in self.edges:
            yield f"    {ids[edge.source]} --> {ids[edge.target]}"


def _quoted(text: str) -> str:
    """Return text that Mermaid shows as it is."""
    for character, name in (("#", "#35;"), ('"', "#quot;"), ("<", "#lt;"), (">", "#gt;")):
        text = text.replace(character, name)
    return text


def diagram_of(pipeline: str, graph: ModelGraph) -> Diagram:
    """Return the picture of a pipeline's graph."""
    outside = dict.fromkeys(table for one in graph.models for table in graph.tables[one.name])
    nodes = [_table_node(name) for name in outside]
    for number, level in enumerate(graph.levels, 1):
        nodes += [
            Node(
                one.name, "model", one.table.name, number, one.description, one.write_strategy
            )
            for one in level
        ]  # fmt: skip
    edges = [edge for one in graph.models for edge in _edges(one, graph)]
    return Diagram(pipeline, tuple(nodes), tuple(edges))


def _table_node(name: str) -> Node:
    writer = ModelRegistry.of_table(name)
    note = f"written by {writer.name}, which is not part of the pipeline" if writer else ""
    return Node(name, "table", name, 0, note)


def _edges(declared: Model, graph: ModelGraph) -> Iterator[Edge]:
    inside = set(graph.needs[declared.name])
    read: dict[str, list[str]] = {}
    for given in declared.inputs:
        found = ModelRegistry.resolve(given.reference.name)
        if found is None:
            source = given.reference.name
        else:
            source = found.name if found.name in inside else found.table.name
        read.setdefault(source, []).append(given.name)
    for source, names in read.items():
        yield Edge(source, declared.name, tuple(names))
