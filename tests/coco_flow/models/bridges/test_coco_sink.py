"""CoCo's local daemon as the sink of a model: its rows are found by a query."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from coco_flow import targets
from coco_flow.models import ModelContext, Reference, execute_model_sync, model
from coco_flow.models.database import Database
from coco_flow.models.sinks import Sink
from tests.daemon_process import Daemon, found_by_flows, running_daemon
from tests.model_parts import fill, open_database, row_class

PAGES = {
    "retries": "# Retries\n\nPayments are tried again three times with growing delay.\n",
    "backups": "# Backups\n\nEvery night the database is copied to another city.\n",
}


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    with (
        running_daemon(tmp_path / "daemon" / "home") as running,
        found_by_flows(running, monkeypatch) as found,
    ):
        yield found


@pytest.fixture
def pages(tmp_path: Path, own_models: None, state: None) -> Iterator[Database]:
    with open_database("sqlite", tmp_path) as opened:
        rows = [{"id": name, "body": body} for name, body in PAGES.items()]
        fill(opened, "CREATE TABLE documents (id TEXT PRIMARY KEY, body TEXT)", rows)
        yield opened


def ask(daemon: Daemon, question: str) -> list[tuple[str, str]]:
    done = daemon.coco("query", question, "--project", "handbook", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    results = found.get("results", found.get("data", {}).get("results"))
    return [(each["chunk"]["path"], each["chunk"]["content"]) for each in results]


def test_the_rows_of_a_model_are_found_change_and_go(daemon: Daemon, pages: Database) -> None:
    out = row_class(path=str, title=str, content=str)
    sink = Sink(
        targets.CocoLocal(project="handbook"),
        fields={"path": "path", "title": "title", "content": "content"},
        key_fields=["path"],
    )

    @model("handbook.pages", out, sink=sink)
    def handbook(writer: Any, documents: Any = Reference("documents")) -> None:
        writer.write(
            [
                {"document_id": one["id"], "path": f"{one['id']}.md", "content": one["body"],
                 "title": one["body"].splitlines()[0].removeprefix("# ")}
                for one in documents.to_dict("records")
            ]
        )  # fmt: skip

    result = execute_model_sync(handbook)
    assert result["sink"]["inserted"] == 2
    assert daemon.project().files == 2
    ((path, content), *_) = ask(daemon, "how often are payments tried again?")
    assert path == "retries.md"
    assert "growing delay" in content
    with pages.writing() as connection:
        connection.execute(text("UPDATE documents SET body = replace(body, 'three', 'seven')"))
        connection.execute(text("DELETE FROM documents WHERE id = 'backups'"))
    result = execute_model_sync(handbook, ModelContext(incremental_mode="delta"))
    assert (result["sink"]["updated"], result["sink"]["deleted"]) == (1, 1)
    assert any("seven times" in content for _, content in ask(daemon, "payments tried again"))
    assert daemon.project().files == 1
