"""Programs of v0 that build graphs of what a model reads."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.compat.programs.program import Run, program
from tests.compat.programs.services import (
    asked_schema,
    asked_text,
    drive,
    falkor,
    graph,
    language_model,
)
from tests.llm_server import LlmServer, Received

DOCUMENTS = {
    "flow.md": "# Flow\n\nA flow has a source. A flow has a target.\n",
    "source.mdx": "# Source\n\nA source lists rows.\n",
}


def read_triples(received: Received) -> Any:
    """Read sentences of the form `A subject verb (a) object.`"""
    lines = asked_text(received).splitlines()
    if "title" in asked_schema(received).get("properties", {}):
        title = next(line for line in lines if line.startswith("# "))
        return {"title": title.removeprefix("# "), "summary": f"{len(lines)} lines"}
    found = []
    for line in lines:
        for sentence in line.split("."):
            words = [word for word in sentence.split() if word.lower() != "a"]
            if len(words) == 3:
                found.append(dict(zip(("subject", "predicate", "object"), words, strict=True)))
    properties = asked_schema(received).get("properties", {})
    return {next(iter(properties)): found} if properties else found


def judge_documents(run: Run, ask: Callable[[str], list[list[Any]]], model: LlmServer) -> None:
    """Build, edit and delete documents, and look at the graph each time."""
    documents = "../../docs/docs/core"
    for name, text in DOCUMENTS.items():
        run.write(f"{documents}/{name}", text)
    run.cocoindex("update", "--setup", "-f", "main.py")

    def triples() -> list[list[Any]]:
        return ask(
            "MATCH (a:Entity)-[r:RELATIONSHIP]->(b:Entity)"
            " RETURN a.value, r.predicate, b.value ORDER BY a.value, b.value"
        )

    def count(pattern: str) -> int:
        return int(ask(f"MATCH {pattern} RETURN count(*)")[0][0])

    assert triples() == [
        ["flow", "has", "source"],
        ["flow", "has", "target"],
        ["source", "lists", "rows"],
    ]
    titles = "MATCH (d:Document) RETURN d.filename, d.title ORDER BY d.filename"
    assert ask(titles) == [["flow.md", "Flow"], ["source.mdx", "Source"]]
    # FalkorDB counts edges between the same two nodes once unless they are asked for.
    mentions = "MATCH (d:Document)-[r:MENTION]->(:Entity) RETURN d.filename, r.id"
    assert [row[0] for row in ask(mentions)].count("flow.md") == 4
    calls = len(model.received)
    run.cocoindex("update", "main.py")
    assert len(model.received) == calls == 4
    assert len(ask(mentions)) == 6
    run.write(f"{documents}/flow.md", "# Flows\n\nA flow has a source.\n")
    run.cocoindex("update", "main.py")
    assert triples() == [["flow", "has", "source"], ["source", "lists", "rows"]]
    assert ask(titles)[0] == ["flow.md", "Flows"]
    # Nothing mentions it any more.
    assert count("(:Entity {value: 'target'})") == 0
    (run.folder / documents / "source.mdx").unlink()
    run.cocoindex("update", "main.py")
    assert triples() == [["flow", "has", "source"]]
    assert ask(titles) == [["flow.md", "Flows"]]
    assert count("(:Entity)") == 2
    run.cocoindex("drop", "-f", "main.py")
    assert count("()") == 0


@program("v0", "docs_to_knowledge_graph", doubled="Ollama; Neo4j: ArcadeDB with Neo4j's protocol")
def docs_to_knowledge_graph(run: Run) -> None:
    """Documents, entities and their relationships in a property graph."""
    run.own_database()
    with graph(run) as found, language_model(run, read_triples) as model:
        judge_documents(run, found.ask, model)


@program("v0", "docs_to_knowledge_graph_falkordb", doubled="OpenAI")
def docs_to_knowledge_graph_falkordb(run: Run) -> None:
    """The same in a real FalkorDB."""
    run.own_database()
    with falkor(run, "knowledge_graph") as ask, language_model(run, read_triples) as model:
        judge_documents(run, ask, model)


@program("v0", "product_recommendation", doubled="OpenAI; Neo4j: ArcadeDB with Neo4j's protocol")
def product_recommendation(run: Run) -> None:
    """Products from JSON files, with kinds that a model names, which products share."""
    run.own_database()
    for path in (run.folder / "products").iterdir():
        if path.name != "p1.json":
            path.unlink()
    pen = json.loads((run.folder / "products/p1.json").read_text("utf-8"))
    run.write("products/p2.json", json.dumps({**pen, "title": "A ball pen", "price": "$1,234.50"}))

    def kinds(received: Received) -> Any:
        named = ["gel pen", "pen"] if "# Pilot" in asked_text(received) else ["pen"]
        assert "Highlights" in asked_text(received)
        return {
            "taxonomies": [{"name": name} for name in named],
            "complementary_taxonomies": [{"name": "notebook"}],
        }

    with graph(run) as found, language_model(run, kinds) as model:
        run.cocoindex("update", "--setup", "-f", "main")
        products = "MATCH (p:Product) RETURN p.id, p.title, p.price ORDER BY p.id"
        assert found.ask(products) == [["p1", pen["title"], 4.99], ["p2", "A ball pen", 1234.5]]
        shared = (
            "MATCH (a:Product {id: 'p1'})-[:PRODUCT_TAXONOMY]->(t:Taxonomy)"
            "<-[:PRODUCT_TAXONOMY]-(b:Product) RETURN t.value, b.id"
        )
        assert found.ask(shared) == [["pen", "p2"]]
        assert found.count("()-[:PRODUCT_COMPLEMENTARY_TAXONOMY]->({value: 'notebook'})") == 2
        assert found.count("(:Taxonomy)") == 3
        calls = len(model.received)
        run.cocoindex("update", "main")
        assert len(model.received) == calls == 2
        (run.folder / "products/p1.json").unlink()
        run.cocoindex("update", "main")
        assert found.ask(products) == [["p2", "A ball pen", 1234.5]]
        assert found.count("(:Taxonomy)") == 2


NOTES = """# Notes

## 2025-03-04

Organizer: Ann. With: Bob, Cho.
Task write the plan: Bob

## 2025-03-11

Organizer: Bob. With: Ann.
Task review the plan: Ann
"""


def read_minutes(received: Received) -> Any:
    """Read one meeting of the notes."""
    lines = asked_text(received).strip().splitlines()
    who = next(line for line in lines if line.startswith("Organizer: "))
    organizer, guests = who.removeprefix("Organizer: ").rstrip(".").split(". With: ")
    tasks = [line.removeprefix("Task ").split(": ") for line in lines if line.startswith("Task ")]
    return {
        "time": re.search(r"\d{4}-\d\d-\d\d", "\n".join(lines))[0],  # type: ignore[index]
        "note": "a meeting",
        "organizer": {"name": organizer},
        "participants": [{"name": name} for name in guests.split(", ")],
        "tasks": [{"description": what, "assigned_to": [{"name": name}]} for what, name in tasks],
    }


@program(
    "v0",
    "meeting_notes_graph",
    doubled="Google Drive, OpenAI; Neo4j: ArcadeDB with Neo4j's protocol",
)
def meeting_notes_graph(run: Run) -> None:
    """Notes from a folder of Google Drive, split into meetings, as people and tasks."""
    run.own_database()
    with drive(run, "notes") as files, graph(run) as found, language_model(run, read_minutes):
        files.put("n1", "notes", NOTES.partition("\n\n")[2].encode(), "text/markdown", "n.md")
        run.cocoindex("update", "--setup", "-f", "main")
        assert found.count("(:Meeting)") == 2
        assert found.count("(:Person)") == 3
        attended = (
            "MATCH (p:Person)-[r:ATTENDED]->(m:Meeting) WHERE r.is_organizer"
            " RETURN p.name, toString(m.time) ORDER BY p.name"
        )
        assert found.ask(attended) == [["Ann", "2025-03-04"], ["Bob", "2025-03-11"]]
        assert found.count("(:Person)-[:ATTENDED]->(:Meeting)") == 5
        chain = "(:Meeting)-[:DECIDED]->(:Task {description: 'write the plan'})<-[:ASSIGNED_TO]-(p)"
        assert found.ask(f"MATCH {chain} RETURN p.name") == [["Bob"]]
        files.put(
            "n1",
            "notes",
            NOTES.partition("\n\n")[2].split("\n\n## 2025-03-11")[0].encode(),
            "text/markdown",
            "n.md",
        )
        run.cocoindex("update", "main")
        assert found.count("(:Meeting)") == 1
        assert found.count("(:Task)") == 1
