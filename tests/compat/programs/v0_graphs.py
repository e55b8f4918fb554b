"""Programs of v0 that build graphs of what a model reads."""

from __future__ import annotations

from typing import Any

from tests.compat.programs.program import Run, program
from tests.compat.programs.services import asked_schema, asked_text, graph, language_model
from tests.llm_server import Received

_DOCUMENTS = {
    "flow.md": "# Flow\n\nA flow has a source. A flow has a target.\n",
    "source.mdx": "# Source\n\nA source lists rows.\n",
}


def _reader(received: Received) -> Any:
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


@program("v0", "docs_to_knowledge_graph", doubled="Ollama; Neo4j: ArcadeDB with Neo4j's protocol")
def docs_to_knowledge_graph(run: Run) -> None:
    """Documents, entities and their relationships in a property graph."""
    run.own_database()
    documents = "../../docs/docs/core"
    for name, text in _DOCUMENTS.items():
        run.write(f"{documents}/{name}", text)
    with graph(run) as found, language_model(run, _reader) as model:
        run.cocoindex("update", "--setup", "-f", "main.py")

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
        titles = "MATCH (d:Document) RETURN d.filename, d.title ORDER BY d.filename"
        assert found.ask(titles) == [["flow.md", "Flow"], ["source.mdx", "Source"]]
        assert found.count("(:Document {filename: 'flow.md'})-[:MENTION]->(:Entity)") == 4
        calls = len(model.received)
        run.cocoindex("update", "main.py")
        assert len(model.received) == calls == 4
        assert found.count("()-[]->()") == 9
        run.write(f"{documents}/flow.md", "# Flows\n\nA flow has a source.\n")
        run.cocoindex("update", "main.py")
        assert triples() == [["flow", "has", "source"], ["source", "lists", "rows"]]
        assert found.ask(titles)[0] == ["flow.md", "Flows"]
        # Nothing mentions it any more.
        assert found.count("(:Entity {value: 'target'})") == 0
        (run.folder / documents / "source.mdx").unlink()
        run.cocoindex("update", "main.py")
        assert triples() == [["flow", "has", "source"]]
        assert found.ask(titles) == [["flow.md", "Flows"]]
        assert found.count("(:Entity)") == 2
        run.cocoindex("drop", "-f", "main.py")
        assert found.count("()") == 0
