"""Programs of v1 that build graphs of what a model reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.compat.programs.program import Run, program, register_model
from tests.compat.programs.services import asked_text, drive, falkor, graph, language_model
from tests.compat.programs.v0_graphs import NOTES, read_minutes
from tests.llm_server import Received


def _read(received: Received) -> Any:
    """Read sentences of the form `A subject verb (a) object.`"""
    text = asked_text(received)
    if "one-paragraph summary" in json.dumps(received.body):
        title = next(line for line in text.splitlines() if line.startswith("# "))
        return {"title": title.removeprefix("# "), "summary": "short"}
    found = []
    for sentence in text.replace("\n", ".").split("."):
        words = [word for word in sentence.split() if word.lower() != "a"]
        if len(words) == 3:
            found.append(dict(zip(("subject", "predicate", "object"), words, strict=True)))
    return {"relationships": found}


@program("v1", "docs_to_knowledge_graph", doubled="OpenAI; Neo4j: ArcadeDB with Neo4j's protocol")
def docs_to_knowledge_graph(run: Run) -> None:
    """Documents, entities and their relationships, with results of components used by another."""
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    for path in (run.folder / "markdown_files").iterdir():
        path.unlink()
    run.write("markdown_files/flow.md", "# Flow\n\nA flow has a source. A flow has a target.\n")
    run.write("markdown_files/source.mdx", "# Source\n\nA source lists rows.\n")
    with graph(run) as found, language_model(run, _read) as model:
        run.cocoindex("update", "main")

        def triples() -> list[list[Any]]:
            return found.ask(
                "MATCH (a:Entity)-[r:RELATIONSHIP]->(b:Entity)"
                " RETURN a.value, r.predicate, b.value ORDER BY a.value, b.value"
            )

        assert triples() == [
            ["flow", "has", "source"],
            ["flow", "has", "target"],
            ["source", "lists", "rows"],
        ]
        assert found.count("(:Document)-[:MENTION]->(:Entity)") == 5
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls == 4
        run.write("markdown_files/flow.md", "# Flows\n\nA flow has a source.\n")
        run.cocoindex("update", "main")
        assert triples() == [["flow", "has", "source"], ["source", "lists", "rows"]]
        assert found.count("(:Document {title: 'Flows'})") == 1
        assert found.count("(:Entity {value: 'target'})") == 0
        (run.folder / "markdown_files/source.mdx").unlink()
        run.cocoindex("update", "main")
        assert triples() == [["flow", "has", "source"]]
        assert found.count("(:Document)") == 1


@program("v1", "product_recommendation", doubled="OpenAI; Neo4j: ArcadeDB with Neo4j's protocol")
def product_recommendation(run: Run) -> None:
    """Products with kinds that a model names, which products share."""
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    for path in (run.folder / "products").iterdir():
        if path.name != "p1.json":
            path.unlink()
    pen = json.loads((run.folder / "products/p1.json").read_text("utf-8"))
    run.write("products/p2.json", json.dumps({**pen, "title": "A ball pen", "price": "$1,234.50"}))

    def kinds(received: Received) -> Any:
        named = ["gel pen", "pen"] if "# Pilot" in asked_text(received) else ["pen"]
        return {
            "taxonomies": [{"name": name} for name in named],
            "complementary_taxonomies": [{"name": "notebook"}],
        }

    with graph(run) as found, language_model(run, kinds) as model:
        run.cocoindex("update", "main")
        products = "MATCH (p:Product) RETURN p.id, p.title, p.price ORDER BY p.id"
        assert found.ask(products) == [["p1", pen["title"], 4.99], ["p2", "A ball pen", 1234.5]]
        assert found.count("()-[:PRODUCT_TAXONOMY]->({value: 'pen'})") == 2
        assert found.count("()-[:PRODUCT_COMPLEMENTARY_TAXONOMY]->({value: 'notebook'})") == 2
        assert found.count("(:Taxonomy)") == 3
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls == 2
        (run.folder / "products/p1.json").unlink()
        run.cocoindex("update", "main")
        assert found.ask(products) == [["p2", "A ball pen", 1234.5]]
        assert found.count("(:Taxonomy)") == 2


def _attend(received: Received) -> Any:
    """Read a meeting, or say that no two names are of one person."""
    if "Organizer: " in asked_text(received):
        return read_minutes(received)
    return {"matched": None, "canonical": None}


def _judge_meetings(run: Run, ask: Callable[[str], list[list[Any]]]) -> None:
    run.environment["COCOINDEX_DB"] = str(run.folder / "cocoindex.db")
    register_model(run, "Snowflake/snowflake-arctic-embed-xs")

    def count(pattern: str) -> int:
        return int(ask(f"MATCH {pattern} RETURN count(*)")[0][0])

    with drive(run, "notes") as files, language_model(run, _attend) as model:
        notes = NOTES.partition("\n\n")[2]
        files.put("n1", "notes", notes.encode(), "text/markdown", "n.md")
        run.cocoindex("update", "main")
        assert count("(:Meeting)") == 2
        assert sorted(ask("MATCH (p:Person) RETURN p.name")) == [["Ann"], ["Bob"], ["Cho"]]
        attended = (
            "MATCH (p:Person)-[r:ATTENDED]->(m:Meeting) WHERE r.is_organizer"
            " RETURN p.name, toString(m.time) ORDER BY p.name"
        )
        assert ask(attended) == [["Ann", "2025-03-04"], ["Bob", "2025-03-11"]]
        assert count("(:Person)-[:ATTENDED]->(:Meeting)") == 5
        chain = "(:Meeting)-[:DECIDED]->(:Task {description: 'write the plan'})<-[:ASSIGNED_TO]-(p)"
        assert ask(f"MATCH {chain} RETURN p.name") == [["Bob"]]
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls
        shorter = notes.split("\n\n## 2025-03-11")[0]
        files.put("n1", "notes", shorter.encode(), "text/markdown", "n.md")
        run.cocoindex("update", "main")
        assert count("(:Meeting)") == 1
        assert count("(:Task)") == 1


@program(
    "v1",
    "meeting_notes_graph_neo4j",
    doubled="Google Drive, OpenAI, an embedding model; Neo4j: ArcadeDB with Neo4j's protocol",
)
def meeting_notes_graph_neo4j(run: Run) -> None:
    """Notes from Google Drive as meetings, tasks and people, whose names are resolved."""
    with graph(run) as found:
        _judge_meetings(run, found.ask)


@program("v1", "meeting_notes_graph_falkordb", doubled="Google Drive, OpenAI, an embedding model")
def meeting_notes_graph_falkordb(run: Run) -> None:
    """The same in FalkorDB."""
    with falkor(run, "meeting_notes") as ask:
        _judge_meetings(run, ask)
