"""A program that writes a graph of a folder of texts into a Ladybug file, to be killed at any time.

python -m tests.coco_flow.graph_targets.killed_graph_flow FOLDER STATE GRAPH
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import coco_flow
from coco_flow import targets
from coco_flow.setting import DatabaseConnectionSpec, Settings


@dataclass
class Link:
    target: str


@coco_flow.op.function()
def links(text: str) -> list[Link]:
    """A text names others, one on a line."""
    return [Link(line) for line in dict.fromkeys(text.splitlines())]


def main(folder: str, state: str, graph: str) -> None:
    coco_flow.init(Settings(database=DatabaseConnectionSpec(state)))
    connection = coco_flow.add_auth_entry("graph", targets.LadybugFile(graph))
    topic = targets.NodeFromFields("Topic", [targets.TargetFieldMapping("topic", "name")])
    text = targets.NodeFromFields("Text", [targets.TargetFieldMapping("filename")])

    def definition(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["texts"] = builder.add_source(coco_flow.sources.LocalFile(path=folder))
        nodes, about = scope.add_collector(), scope.add_collector()
        with scope["texts"].row() as row:
            nodes.collect(filename=row["filename"])
            row["links"] = row["content"].transform(links)
            with row["links"].row() as link:
                about.collect(filename=row["filename"], topic=link["target"])
        nodes.export(
            "texts",
            targets.Ladybug(connection=connection, mapping=targets.Nodes(label="Text")),
            primary_key_fields=["filename"],
        )
        builder.declare(
            targets.LadybugDeclaration(
                connection=connection, nodes_label="Topic", primary_key_fields=["name"]
            )
        )
        about.export(
            "about",
            targets.Ladybug(
                connection=connection, mapping=targets.Relationships("ABOUT", text, topic)
            ),
            primary_key_fields=["filename", "topic"],
        )

    flow = coco_flow.open_flow("Killed", definition)
    flow.setup()
    print("ready", flush=True)
    info = flow.update()
    print("errors" if info.has_errors else "done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
