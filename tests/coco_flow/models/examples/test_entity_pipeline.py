"""The pipeline of examples/models/entity_pipeline.py: run, delta, killed, and without a key."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.coco_flow.models.examples.test_examples import EXAMPLES, NOTES, environment, run
from tests.llm_server import LlmServer, Received, llm_server
from tests.waiting import until

PROGRAM = "entity_pipeline.py"
TABLES = {
    "sections": "document_id, section_id, heading, text",
    "extractions": "document_id, section_id, entities",
    "entities": "entity_id, name, variants, sections",
    "mentions": "document_id, entity_id, sections",
}


def tables(folder: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(folder / "entities.db")) as connection:
        return {
            name: connection.execute(f"SELECT {columns} FROM {name} ORDER BY 1, 2").fetchall()
            for name, columns in TABLES.items()
        }


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    shutil.copytree(NOTES, folder)
    (folder / "ada.md").write_text(
        "# Ada\n\nAda Lovelace knew Charles Babbage.\n\n## Machine\n\nThe Analytical Engine.\n"
        "\n## Again\n\nthe Analytical Engines of Charles Babbage.\n",
        encoding="utf-8",
    )
    return folder


def test_the_pipeline_finds_entities(docs: Path, tmp_path: Path) -> None:
    printed = run(PROGRAM, tmp_path, str(docs))
    assert "success" in printed
    assert re.search(r"'llm_calls': \d+, 'llm_input_tokens': \d+", printed)
    found = {row[0]: row for row in tables(tmp_path)["entities"]}
    assert found["charlesbabbage"][1:] == ("Charles Babbage", '["Charles Babbage"]', 2)
    assert json.loads(found["analyticalengine"][2]) == [
        "Analytical Engines",
        "The Analytical Engine",
    ]
    mentions = [row for row in tables(tmp_path)["mentions"] if row[0] == "ada.md"]
    assert ("ada.md", "charlesbabbage", 2) in mentions


def test_delta_asks_about_changed_documents_alone(docs: Path, tmp_path: Path) -> None:
    run(PROGRAM, tmp_path, str(docs))
    before = tables(tmp_path)
    assert "telemetry: {'llm_calls': 0}" in run(PROGRAM, tmp_path, str(docs), "--delta")
    assert tables(tmp_path) == before
    (docs / "boat.md").unlink()
    with (docs / "ada.md").open("a", encoding="utf-8") as file:
        file.write("\n## New\n\nMary Somerville taught her.\n")
    printed = run(PROGRAM, tmp_path, str(docs), "--delta")
    assert "indexing.extractions: {'documents': 1, 'rows_written': 4," in printed
    after = tables(tmp_path)
    assert "marysomerville" in {row[0] for row in after["entities"]}
    assert "boat.md" not in {row[0] for row in after["sections"] + after["mentions"]}
    # The same folder from the beginning leads to the same tables.
    (tmp_path / "other").mkdir()
    run(PROGRAM, tmp_path / "other", str(docs))
    assert tables(tmp_path / "other") == after


def answered(received: Received) -> str:
    names = re.findall(r"Topic\d+", received.body["messages"][-1]["content"])
    return f"[[ ## entities ## ]]\n{json.dumps(names)}\n\n[[ ## completed ## ]]"


def by_server(server: LlmServer) -> dict[str, str]:
    return {
        "COCO_FLOW_LLM_MODEL": "openai/scripted",
        "COCO_FLOW_LLM_API_BASE": f"{server.url}/v1",
        "COCO_FLOW_LLM_API_KEY": "k",
    }


def many_docs(folder: Path, count: int) -> Path:
    docs = folder / "docs"
    docs.mkdir()
    for number in range(count):
        (docs / f"{number:03}.md").write_text(f"About Topic{number:03}.\n", encoding="utf-8")
    return docs


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    docs = many_docs(tmp_path, 80)
    variables = {"DSPY_CACHEDIR": str(tmp_path / "answers")}
    with llm_server() as server:
        blocked, go_on = threading.Event(), threading.Event()

        def say(received: Received) -> str:
            # Two batches of 25 are answered, the third is under way.
            if len(server.received) > 60:
                blocked.set()
                go_on.wait()
            return answered(received)

        server.model = say
        variables |= by_server(server)
        child = subprocess.Popen(
            [sys.executable, str(EXAMPLES / PROGRAM), str(docs), "--run", "r1"],
            cwd=tmp_path, env=environment(**variables), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            assert blocked.wait(60)
            committed = until(lambda: asked_and_committed(tmp_path))
        finally:
            child.kill()
            child.wait()
        go_on.set()
        before = len(server.received)
        shutil.rmtree(tmp_path / "answers", ignore_errors=True)
        printed = run(PROGRAM, tmp_path, str(docs), "--run", "r1", **variables)
        assert "run r1: success" in printed
        again = {one for body in server.bodies[before:] for one in topics(body)}
    assert committed
    assert not again & committed
    rows = tables(tmp_path)
    assert len(rows["extractions"]) == 80
    assert [row[0] for row in rows["entities"]] == [f"topic{number:03}" for number in range(80)]
    assert len(rows["mentions"]) == 80


def asked_and_committed(folder: Path) -> set[str]:
    """Return the topics of the extractions that are in the table."""
    with closing(sqlite3.connect(folder / "entities.db")) as connection:
        rows = connection.execute("SELECT entities FROM extractions").fetchall()
    return {topic for (entities,) in rows for topic in json.loads(entities)}


def topics(body: Any) -> list[str]:
    found: list[str] = re.findall(r"Topic\d+", body["messages"][-1]["content"])
    return found


def test_a_document_that_the_model_cannot_answer_is_tried_again(tmp_path: Path) -> None:
    docs = many_docs(tmp_path, 5)
    with llm_server() as server:
        server.model = lambda got: "no" if topics(got.body) == ["Topic003"] else answered(got)
        variables = {"DSPY_CACHEDIR": str(tmp_path / "answers"), **by_server(server)}
        run(PROGRAM, tmp_path, str(docs), "--delta", **variables)
        assert len(tables(tmp_path)["extractions"]) == 4
        server.model = answered
        server.received.clear()
        shutil.rmtree(tmp_path / "answers", ignore_errors=True)
        run(PROGRAM, tmp_path, str(docs), "--delta", **variables)
        assert [topics(body) for body in server.bodies] == [["Topic003"]]
    assert len(tables(tmp_path)["extractions"]) == 5


def test_without_a_key_the_pipeline_says_so(docs: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / PROGRAM), str(docs)],
        cwd=tmp_path, env=environment(COCO_FLOW_LLM_MODEL="mistral/large"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    expected = "There is no API key for the language model 'mistral/large'."
    assert expected in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
