"""What Ladybug has of its own: a file with tables, and an API server."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from coco_core.errors import InvalidInput, Unavailable
from coco_flow.auth import add_auth_entry
from coco_flow.errors import DefinitionError, FlowConflict, FlowError
from coco_flow.ports import Compatibility
from coco_flow.targets import http_service
from coco_flow.targets.graph import NodeFromFields, Nodes, Relationships, TargetFieldMapping
from coco_flow.targets.graph_cypher import Statement
from coco_flow.targets.ladybug import (
    Ladybug,
    LadybugDeclaration,
    LadybugFile,
    LadybugFileStore,
    LadybugServerStore,
)
from tests.coco_flow.graph_targets.graphs import Backend, Graph
from tests.coco_flow.targets.rows import export_schema
from tests.graph_servers import LadybugServer
from tests.waiting import until

pytestmark = pytest.mark.slow

POINTS = export_schema({"id": int}, {"n": int})
LINK = Relationships(
    "LINK",
    NodeFromFields("Point", [TargetFieldMapping("a", "id")]),
    NodeFromFields("Point", [TargetFieldMapping("b", "id")]),
)


def linked(graph: Graph, links: Any = None) -> Graph:
    graph.export("points", Nodes("Point"), POINTS)
    schema = links or export_schema({"key": int}, {"a": int, "b": int, "weight": float})
    return graph.export("links", LINK, schema)


def test_tables_are_altered_and_rows_stay(ladybug_file: Backend) -> None:
    graph = linked(Graph.on(ladybug_file)).set_up()
    graph.write({"points": {1: [5], 2: [6]}, "links": {1: [1, 2, 0.5]}})
    (label,) = [key for key in graph.states if "label" in key]
    old = graph.states[label][1]
    wider = export_schema({"key": int}, {"a": int, "b": int, "note": str})
    graph.export("points", Nodes("Point"), export_schema({"id": int}, {"n": str, "more": bool}))
    graph.export("links", LINK, wider).set_up()
    new = graph.states[label][1]
    assert graph.connector.compatibility(new, old) is Compatibility.PARTIALLY_COMPATIBLE
    assert graph.nodes("Point", "id", "n", "more") == [(1, None, None), (2, None, None)]
    assert graph.relationships("Point", "LINK", "Point", "s.id", "t.id", "r.note") == [(1, 2, None)]
    graph.write({"points": {1: ["five", True]}, "links": {1: [1, 2, "x"]}})
    assert graph.nodes("Point", "id", "n", "more") == [(1, "five", True), (2, None, None)]
    columns = graph.backend.look("CALL table_info('LINK') RETURN name")
    assert sorted(row[0] for row in columns) == ["key", "note"]
    graph.drop()
    assert graph.backend.look("CALL show_tables() RETURN name") == []


def test_a_table_that_another_flow_needs_is_kept(ladybug_file: Backend) -> None:
    reference = ladybug_file.reference()
    points = Graph(ladybug_file, reference).export("points", Nodes("Point"), POINTS).set_up()
    points.write({"points": {1: [5], 9: [9]}})
    links = Graph(ladybug_file, reference).declare("Point", "id")
    links.export("links", LINK, export_schema({"key": int}, {"a": int, "b": int})).set_up()
    links.write({"links": {1: [1, 2]}})
    points.drop()
    assert links.nodes("Point", "id") == [(1,), (2,)]
    links.drop()
    assert ladybug_file.look("CALL show_tables() RETURN name") == []


def test_a_file_in_use_elsewhere_is_a_conflict_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "graph.lbug"
    program = (
        "import ladybug, sys; d = ladybug.Database(sys.argv[1]); c = ladybug.Connection(d);"
        "c.execute('RETURN 1'); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"open\n"
        with pytest.raises(FlowConflict, match="is open in another process"):
            LadybugFileStore(str(path))
        other.communicate(b"")
    store = LadybugFileStore(str(path))
    store.close()


def test_two_entries_for_one_file_see_the_same_graph(tmp_path: Path) -> None:
    path = tmp_path / "graph.lbug"
    one, two = LadybugFileStore(str(path)), LadybugFileStore(str(tmp_path / "." / "graph.lbug"))
    one.run("CREATE NODE TABLE A (id INT64, PRIMARY KEY (id))")
    two.write(lambda _: [Statement("UNWIND $rows AS row CREATE (:A {id: row.k})", [{"k": 1}])])
    one.close()
    assert two.run("MATCH (n:A) RETURN n.id") == [[1]]
    two.close()
    again = LadybugFileStore(str(path))
    assert again.run("MATCH (n:A) RETURN n.id") == [[1]]
    again.close()


def test_a_failed_write_leaves_nothing_behind(backend_of_both: Backend) -> None:
    graph = linked(Graph.on(backend_of_both)).set_up()
    graph.write({"points": {1: [5]}})
    store = next(iter(graph.targets.values())).store
    types = {"k": "STRING"}

    def job(_: Any) -> list[Statement]:
        make = "UNWIND $rows AS row CREATE (:Point {id: CAST(row.k AS INT64)})"
        return [Statement(make, [{"k": str(each)}], types) for each in (2, 3, 1)]

    with pytest.raises(Exception, match="duplicated primary key"):
        store.write(job)
    assert graph.nodes("Point", "id") == [(1,)]
    graph.write({"points": {2: [6]}})
    assert graph.nodes("Point", "id") == [(1,), (2,)]
    graph.drop()


@pytest.fixture(params=["ladybug_file", "ladybug_http"])
def backend_of_both(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


def test_many_rows_are_cut_into_statements(backend_of_both: Backend) -> None:
    graph = linked(Graph.on(backend_of_both)).set_up()
    count = 2_500
    graph.write(
        {
            "points": {each: [each] for each in range(count)},
            "links": {each: [each, (each * 7) % count, 1.0] for each in range(count)},
        }
    )
    assert graph.backend.look("MATCH ()-[r:LINK]->() RETURN count(r)") == [[count]]
    graph.write({}, {"links": list(range(count)), "points": list(range(count))})
    assert graph.backend.look("MATCH (n) RETURN count(n)") == [[0]]
    graph.drop()


@pytest.mark.row("ERR-4 retryable set")
def test_a_server_that_refuses_for_a_moment_is_asked_again(ladybug_api: LadybugServer) -> None:
    store = LadybugServerStore(ladybug_api.url)
    ladybug_api.refusals[:] = [503, 429, 502]
    assert store.run("RETURN 1") == [[1]]
    assert ladybug_api.refusals == []
    ladybug_api.refusals[:] = [401]
    with pytest.raises(FlowError, match=r"API server at http://127.* answers 401: .*not now"):
        store.run("RETURN 1")
    with pytest.raises(FlowError, match=r"answers 400: .*Parser exception"):
        store.run("no cypher")


def test_a_write_over_http_is_one_request(
    ladybug_http: Backend, ladybug_api: LadybugServer
) -> None:
    graph = linked(Graph.on(ladybug_http)).set_up()
    ladybug_api.queries.clear()
    graph.write({"points": {1: [5]}, "links": {1: [1, 2, 0.5]}})
    reads = [each for each in ladybug_api.queries if " RETURN " in each]
    writes = [each for each in ladybug_api.queries if each.startswith("BEGIN TRANSACTION;")]
    assert (len(reads), len(writes), len(ladybug_api.queries)) == (1, 1, 2)
    graph.drop()


def test_errors_name_the_address_and_the_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_service, "_FIRST_WAIT", 0.0)
    with pytest.raises(Unavailable, match=r"no' cannot be opened|cannot be opened: IO exception"):
        LadybugFileStore(str(tmp_path / "no" / "graph.lbug"))
    with pytest.raises(InvalidInput, match="'localhost:8000' is not the address of Ladybug's API"):
        LadybugServerStore("localhost:8000")
    service = http_service.HttpService("Nothing", "http://127.0.0.1:1", retry_seconds=0.1)
    with pytest.raises(
        Unavailable, match=r"Nothing at http://127.0.0.1:1 does not answer: .*refused"
    ):
        service.get("/")
    reference = add_auth_entry("not ladybug", {"path": "x"})
    graph = Graph(Backend("l", Ladybug, LadybugDeclaration, {"path": "x"}, lambda _: []), reference)
    with pytest.raises(DefinitionError, match="The auth entry of a Ladybug target is a dict"):
        linked(graph).set_up()


def test_the_connection_closes_with_the_last_target(tmp_path: Path) -> None:
    path = tmp_path / "graph.lbug"
    backend = Backend("l", Ladybug, LadybugDeclaration, LadybugFile(str(path)), lambda _: [])
    graph = linked(Graph.on(backend)).set_up()
    graph.write({"points": {1: [5]}})
    graph.close()

    def opens_elsewhere() -> bool:
        program = (
            "import ladybug, sys; d = ladybug.Database(sys.argv[1]); c = ladybug.Connection(d);"
            "print(c.execute('MATCH (n:Point) RETURN n.n').get_next())"
        )
        ran = subprocess.run(
            [sys.executable, "-c", program, str(path)], capture_output=True, check=False
        )
        return ran.stdout == b"[5]\n"

    assert until(opens_elsewhere, 10)
