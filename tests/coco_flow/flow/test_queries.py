"""Query handlers in the process and over HTTP, also while an update runs."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import coco_flow
from coco_flow import QueryInfo, QueryOutput, op
from coco_flow.errors import DefinitionError
from coco_flow.setting import ServerSettings
from coco_flow.targets import SQLite
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import MemorySource, flow_state, rows_of
from tests.waiting import until


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        rows_of("docs")["a"] = "one"
        yield


@pytest.mark.row("LC-11 query handler")
@pytest.mark.row("LC-11 early registration")
@pytest.mark.row("QRY-1 handler registration")
def test_handlers_are_found_by_name_whenever_they_were_registered() -> None:
    built: list[str] = []

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        built.append("built")
        scope["docs"] = builder.add_source(MemorySource(name="docs"))

    flow = coco_flow.open_flow("F", define)

    @flow.query_handler()
    def early(query: str) -> QueryOutput[dict[str, Any]]:
        return QueryOutput([{"text": query}], QueryInfo(embedding=[1.0]))

    assert built == [], "registering builds nothing"
    _ = flow.graph

    @flow.query_handler(name="late")
    async def any_name(query: str) -> QueryOutput[str]:
        return QueryOutput([query.upper()])

    flow.add_query_handler("added", lambda: QueryOutput(["no argument"]))
    assert list(flow.query_handlers) == ["early", "late", "added"]
    output = flow.query_handlers["early"](query="q")
    assert output.results == [{"text": "q"}]
    assert output.query_info.embedding == [1.0]
    assert flow.query_handlers["late"](query="q").results == ["Q"]
    assert flow.query_handlers["added"]().results == ["no argument"]
    assert early("direct").results == [{"text": "direct"}], "it is still a function"
    flow.add_query_handler("wrong", lambda: ["a list"])
    with pytest.raises(DefinitionError, match="'wrong' returned list, not QueryOutput"):
        flow.query_handlers["wrong"]()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """A client of the server that the program itself starts."""
    for name in ("Shop", "Office"):
        flow = doc_flow(name=name)

        @flow.query_handler()
        def ask(query: str, limit: int = 2, own: str = name) -> QueryOutput[str]:
            if query == "fail":
                raise RuntimeError("the innermost detail")
            return QueryOutput([f"{own} {query}"] * limit)

    running = coco_flow.lib.start_server(ServerSettings(address="127.0.0.1:0"))
    with httpx.Client(base_url=f"http://{running.address}") as made:
        until(lambda: _answers(made))
        yield made
    running.stop()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.row("OV-4 HTTP server")
@pytest.mark.row("QRY-2 registry")
@pytest.mark.row("VIS-1 start_server")
def test_a_program_serves_its_flows_and_each_ones_own_handler(client: httpx.Client) -> None:
    assert client.get("/api/flows").json() == ["Office", "Shop"]
    for name in ("Shop", "Office"):
        answer = client.post(f"/api/flows/{name}/query/ask", json={"query": "q"})
        assert answer.json()["results"] == [f"{name} q"] * 2
        described = client.get(f"/api/flows/{name}").json()["query_handlers"]
        assert described["ask"]["parameters"] == {"query": "str", "limit": "int", "own": "str"}


@pytest.mark.row("VIS-1 start_server")
def test_the_default_address_is_this_machine_alone_and_definitions_are_checked() -> None:
    assert ServerSettings().address.startswith("127.0.0.1:")
    with pytest.raises(DefinitionError, match="can be reached by other machines"):
        coco_flow.lib.start_server(ServerSettings(address="0.0.0.0:0"))

    def wrong(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        _ = scope["nothing"]

    coco_flow.open_flow("Wrong", wrong)
    with pytest.raises(KeyError, match="'nothing'"):
        coco_flow.lib.start_server(ServerSettings(address="127.0.0.1:0"))


@pytest.mark.row("ERR-1 error kinds")
@pytest.mark.row("ENG-3/ERR-5 fault mapping")
def test_every_kind_of_fault_has_its_status(
    client: httpx.Client, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fault(method: str, path: str, **request: Any) -> tuple[int, str, str]:
        answer = client.request(method, f"/api/flows/{path}", **request)
        error = answer.json()["error"]
        return answer.status_code, error["code"], error["message"]

    status, code, message = fault("POST", "Shop/query/ask", json={"query": "q", "limit": "many"})
    assert (status, code) == (400, "invalid_flow")
    assert "limit='many' is not int" in message
    with pytest.raises(ValueError, match="limit='many'"):
        coco_flow.flow_by_name("Shop").query_handlers["ask"].arguments_of(
            {"query": "q", "limit": "many"}
        )
    assert fault("GET", "Nowhere")[:2] == (404, "flow_not_found")
    status, code, message = fault("POST", "Shop/update")
    assert (status, code) == (400, "setup_needed")
    assert "Setup for flow `Shop` is not up-to-date" in message
    with caplog.at_level(logging.ERROR, "coco_flow"):
        inner = client.post("/api/flows/Shop/query/ask", json={"query": "fail"})
    assert inner.status_code == 500
    assert inner.json()["error"]["code"] == "internal"
    assert "innermost" not in inner.text
    assert "innermost" in caplog.text
    # A state that cannot be opened is no fault of the server.
    (tmp_path / "no.db").write_text("not a database " * 100, encoding="utf-8")
    coco_flow.init(
        coco_flow.Settings(database=coco_flow.DatabaseConnectionSpec(str(tmp_path / "no.db")))
    )
    status, code, message = fault("POST", "Shop/update")
    assert (status, code) == (503, "state_broken")
    assert "no.db" in message


@dataclass
class Word:
    word: str


@op.function(behavior_version=1)
def words(text: str) -> list[Word]:
    return [Word(word) for word in sorted(set(text.split()))]


@pytest.mark.row("QRY-7 filters, aggregates, joins")
def test_a_handler_joins_and_counts_over_two_exports(tmp_path: Path) -> None:
    path = str(tmp_path / "rows.db")

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        texts, topics = scope.add_collector(), scope.add_collector()
        with scope["docs"].row() as doc:
            texts.collect(filename=doc["filename"], text=doc["content"])
            doc["words"] = doc["content"].transform(words)
            with doc["words"].row() as word:
                topics.collect(filename=doc["filename"], topic=word["word"])
        texts.export("texts", SQLite(path, "texts"), primary_key_fields=["filename"])
        topics.export("topics", SQLite(path, "topics"), primary_key_fields=["filename", "topic"])

    for key, text in {"a": "lease fence", "b": "fence", "c": "queue"}.items():
        rows_of("docs")[key] = text
    flow = coco_flow.open_flow("Topics", define)

    @flow.query_handler()
    def about(topic: str) -> QueryOutput[dict[str, Any]]:
        query = """SELECT texts.filename, text FROM topics JOIN texts USING (filename)
                   WHERE topic = ? ORDER BY 1"""
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute(query, [topic]).fetchall()
        return QueryOutput([{"filename": name, "text": text} for name, text in rows])

    @flow.query_handler()
    def trending() -> QueryOutput[tuple[str, int]]:
        query = "SELECT topic, COUNT(*) FROM topics GROUP BY 1 ORDER BY 2 DESC, 1"
        with closing(sqlite3.connect(path)) as connection:
            return QueryOutput(connection.execute(query).fetchall())

    flow.setup()
    flow.update()
    assert flow.query_handlers["about"](topic="fence").results == [
        {"filename": "a", "text": "lease fence"},
        {"filename": "b", "text": "fence"},
    ]
    assert flow.query_handlers["trending"]().results == [("fence", 2), ("lease", 1), ("queue", 1)]


@pytest.mark.row("QRY-9 query during update")
def test_a_thousand_queries_during_an_update_see_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.db"
    asked, done = threading.Semaphore(0), threading.Event()

    @op.function(behavior_version=1)
    def numbered(text: str) -> str:
        # Some queries for each row, so that updates and queries take turns.
        asked.acquire(timeout=30)
        return text

    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"), max_inflight_rows=5)
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["text"] = doc["content"].transform(numbered)
            out.collect(key=doc["filename"], one=doc["text"], two=doc["text"])
        out.export("t", SQLite(str(path), "t"), primary_key_fields=["key"])

    flow = coco_flow.open_flow("F", define)
    flow.setup()
    for number in range(100):
        asked.release()
        rows_of("docs")[str(number)] = "old"
    rows_of("docs")["a"] = "old"
    asked.release()
    flow.update()
    for number in range(100):
        rows_of("docs")[str(number)] = "new"

    def update() -> None:
        flow.update()
        done.set()

    thread = threading.Thread(target=update)
    thread.start()
    seen: set[int] = set()
    for number in range(1000):
        with closing(sqlite3.connect(path)) as connection:
            rows = connection.execute("SELECT one, two FROM t").fetchall()
        assert len(rows) == 101
        assert all(one == two for one, two in rows)
        seen.add(sum(one == "new" for one, _ in rows))
        if number % 9 == 0:
            asked.release()
    thread.join()
    assert done.is_set()
    assert len(seen) > 5, "the queries saw the update in the middle"
