"""The graph databases, each started when the first test asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from coco_flow.targets.falkordb import FalkorDB, FalkorDBConnection, FalkorDBDeclaration
from coco_flow.targets.ladybug import (
    Ladybug,
    LadybugConnection,
    LadybugDeclaration,
    LadybugFile,
)
from coco_flow.targets.neo4j import Neo4j, Neo4jConnection, Neo4jDeclaration
from tests.coco_flow.graph_targets.graphs import Backend, Graph
from tests.graph_servers import (
    ARCADEDB_DATABASE,
    ARCADEDB_PASSWORD,
    ARCADEDB_USER,
    LadybugServer,
    arcadedb_server,
    falkordb_look,
    falkordb_server,
    ladybug_server,
)

BACKENDS = ("ladybug_file", "ladybug_http", "falkordb", "neo4j")


@pytest.fixture(scope="session")
def falkordb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with falkordb_server(tmp_path_factory.mktemp("falkordb")) as uri:
        yield uri


@pytest.fixture(scope="session")
def bolt_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with arcadedb_server(tmp_path_factory.mktemp("arcadedb")) as uri:
        yield uri


@pytest.fixture
def ladybug_api(tmp_path: Path) -> Iterator[LadybugServer]:
    with ladybug_server(tmp_path / "served.lbug") as server:
        yield server


@pytest.fixture
def ladybug_file(tmp_path: Path) -> Backend:
    path = str(tmp_path / "graph.lbug")

    def look(query: str) -> list[list[Any]]:
        from coco_flow.targets.ladybug import LadybugFileStore

        with closing(LadybugFileStore(path)) as store:
            return [list(row) for row in store.run(query)]

    return Backend("ladybug", Ladybug, LadybugDeclaration, LadybugFile(path), look, typed=True)


@pytest.fixture
def ladybug_http(ladybug_api: LadybugServer) -> Backend:
    from coco_flow.targets.ladybug import LadybugServerStore

    store = LadybugServerStore(ladybug_api.url)
    return Backend(
        "ladybug over HTTP",
        Ladybug,
        LadybugDeclaration,
        LadybugConnection(ladybug_api.url),
        lambda query: [list(row) for row in store.run(query)],
        typed=True,
    )


@pytest.fixture
def falkordb(falkordb_uri: str, request: pytest.FixtureRequest) -> Iterator[Backend]:
    import falkordb

    name = request.node.name
    with falkordb.FalkorDB.from_url(falkordb_uri) as client:
        graph = client.select_graph(name)
        yield Backend(
            "falkordb",
            FalkorDB,
            FalkorDBDeclaration,
            FalkorDBConnection(falkordb_uri, name),
            falkordb_look(graph),
        )
        if name in client.list_graphs():
            graph.delete()


@pytest.fixture
def neo4j(bolt_uri: str) -> Iterator[Backend]:
    import neo4j

    connection = Neo4jConnection(bolt_uri, ARCADEDB_USER, ARCADEDB_PASSWORD, ARCADEDB_DATABASE)
    auth = (connection.user, connection.password)
    with neo4j.GraphDatabase.driver(bolt_uri, auth=auth) as driver:

        def look(query: str) -> list[list[Any]]:
            found = driver.execute_query(query, database_=ARCADEDB_DATABASE)
            return [record.values() for record in found.records]

        yield Backend("neo4j", Neo4j, Neo4jDeclaration, connection, look)
        look("MATCH (n) DETACH DELETE n")
        for row in look("SHOW CONSTRAINTS"):
            look(f"DROP CONSTRAINT `{row[1]}` IF EXISTS")


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def graph(backend: Backend) -> Iterator[Graph]:
    made = Graph.on(backend)
    yield made
    made.drop()
