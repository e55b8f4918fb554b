"""Nodes and relationships in FalkorDB, and by Neo4j's protocol in ArcadeDB."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from coco_flow import components as coco
from coco_flow.components.connectorkits.graph.tables import VectorIndex
from coco_flow.components.connectorkits.target import ManagedBy
from coco_flow.components.connectors import falkordb as falkordb_connector
from coco_flow.components.connectors import neo4j as neo4j_connector
from coco_flow.components.connectors.neo4j.connection import Neo4jDialect
from coco_flow.components.schema import VectorSchema
from tests.graph_servers import (
    ARCADEDB_DATABASE,
    ARCADEDB_PASSWORD,
    ARCADEDB_USER,
    arcadedb_server,
    falkordb_look,
    falkordb_server,
)

DB: coco.ContextKey[Any] = coco.ContextKey("test_components_graph")


class Backend(NamedTuple):
    """A connector, where its graph is, and a query by the database's own client."""

    connector: Any
    connection: Any
    look: Callable[[str], list[list[Any]]]


@pytest.fixture(scope="module")
def falkordb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with falkordb_server(tmp_path_factory.mktemp("falkordb")) as uri:
        yield uri


@pytest.fixture(scope="module")
def bolt_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with arcadedb_server(tmp_path_factory.mktemp("arcadedb")) as uri:
        yield uri


@pytest.fixture
def falkordb(falkordb_uri: str) -> Iterator[Backend]:
    import falkordb

    name = f"g{uuid.uuid4().hex}"
    with falkordb.FalkorDB.from_url(falkordb_uri) as client:
        graph = client.select_graph(name)
        yield Backend(
            falkordb_connector,
            falkordb_connector.ConnectionFactory(falkordb_uri, graph=name),
            falkordb_look(graph),
        )


@pytest.fixture
def neo4j(bolt_uri: str) -> Iterator[Backend]:
    import neo4j

    auth = (ARCADEDB_USER, ARCADEDB_PASSWORD)
    with neo4j.GraphDatabase.driver(bolt_uri, auth=auth) as driver:

        def look(query: str) -> list[list[Any]]:
            found = driver.execute_query(query, database_=ARCADEDB_DATABASE)
            return [record.values() for record in found.records]

        connection = neo4j_connector.ConnectionFactory(
            bolt_uri, auth=auth, database=ARCADEDB_DATABASE
        )
        yield Backend(neo4j_connector, connection, look)
        look("MATCH (n) DETACH DELETE n")
        for row in look("SHOW CONSTRAINTS"):
            look(f"DROP CONSTRAINT `{row[1]}` IF EXISTS")


@pytest.fixture(params=["falkordb", "neo4j"])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@contextmanager
def running(tmp_path: Path, backend: Backend, main: Any) -> Iterator[coco.App[Any, Any]]:
    provider = coco.ContextProvider()
    provider.provide(DB, backend.connection)
    environment = coco.Environment(
        coco.Settings(db_path=tmp_path / "state"), context_provider=provider
    )
    yield coco.App(coco.AppConfig("app", environment), main)
    environment.close()


@dataclass
class Page:
    id: str
    title: str | None = None


@dataclass
class Link:
    id: str
    text: str


@dataclass
class Inner:
    a: int


@dataclass
class Row:
    id: uuid.UUID
    number: int
    small: np.int8
    half: float
    flag: bool
    tags: list[str]
    keys: list[uuid.UUID]
    mapping: dict[str, Any]
    inners: list[Inner]
    either: int | str
    day: datetime.date
    own: int


@dataclass
class Located:
    id: str
    vector: Annotated[NDArray[np.float32], VectorSchema(np.dtype(np.float32), 2)]


@dataclass
class Wanted:
    """What the app below declares."""

    pages: list[Any] = field(default_factory=list)
    links: list[tuple[str, str, Any]] = field(default_factory=list)
    page: type[Any] = Page
    key: str = "id"
    exists: bool = True


def site(wanted: Wanted, connector: Any) -> Any:
    @coco.fn
    async def main() -> None:
        if not wanted.exists:
            return
        schema = await connector.TableSchema.from_class(wanted.page, primary_key=wanted.key)
        pages = await connector.mount_table_target(DB, "Page", schema, primary_key=wanted.key)
        schema = await connector.TableSchema.from_class(Link)
        links = await connector.mount_relation_target(DB, "LINKS", pages, pages, schema)
        for page in wanted.pages:
            pages.declare_record(row=page)
        for source, target, link in wanted.links:
            links.declare_relation(from_id=source, to_id=target, record=link)

    return main


def pages(backend: Backend) -> list[list[Any]]:
    return sorted(backend.look("MATCH (p:Page) RETURN p.id, p.title"), key=str)


def links(backend: Backend) -> list[list[Any]]:
    query = "MATCH (a:Page)-[r:LINKS]->(b:Page) RETURN a.id, b.id, r.id, r.text"
    return sorted(backend.look(query), key=str)


def test_the_graph_follows_what_is_declared(tmp_path: Path, backend: Backend) -> None:
    wanted = Wanted(
        [Page("a", "A"), Page("b", "B")],
        [("a", "b", Link("1", "next")), ("b", "a", Link("2", "back"))],
    )
    with running(tmp_path, backend, site(wanted, backend.connector)) as program:
        program.update_blocking()
        assert pages(backend) == [["a", "A"], ["b", "B"]]
        assert links(backend) == [["a", "b", "1", "next"], ["b", "a", "2", "back"]]
        # A link that leads elsewhere is the same one; its new end is made without a row.
        wanted.links[0] = ("a", "c", Link("1", "next"))
        wanted.pages[0] = Page("a", None)
        program.update_blocking()
        assert pages(backend) == [["a", None], ["b", "B"], ["c", None]]
        assert links(backend) == [["a", "c", "1", "next"], ["b", "a", "2", "back"]]
        wanted.pages = [Page("a", None), Page("c", "C")]
        wanted.links = [("a", "c", Link("1", "on"))]
        program.update_blocking()
        assert pages(backend) == [["a", None], ["c", "C"]]
        assert links(backend) == [["a", "c", "1", "on"]]
        wanted.exists = False
        program.update_blocking()
        assert pages(backend) == []


def test_nothing_is_written_for_what_has_not_changed(tmp_path: Path, backend: Backend) -> None:
    wanted = Wanted([Page("a", "A")])
    with running(tmp_path, backend, site(wanted, backend.connector)) as program:
        program.update_blocking()
        backend.look("MATCH (p:Page) SET p.title = 'changed by hand'")
        program.update_blocking()
        assert pages(backend) == [["a", "changed by hand"]]
        program.update_blocking(full_reprocess=True)
        assert pages(backend) == [["a", "A"]]


def test_another_schema_takes_properties_away_and_another_key_makes_all_anew(
    tmp_path: Path, backend: Backend
) -> None:
    @dataclass
    class Short:
        id: str
        size: int | None = None

    wanted = Wanted([Page("a", "A"), Page("b", "B")], [("a", "b", Link("1", "next"))])
    with running(tmp_path, backend, site(wanted, backend.connector)) as program:
        program.update_blocking()
        wanted.page, wanted.pages = Short, [Short("a", 1), Short("b")]
        program.update_blocking()
        assert pages(backend) == [["a", None], ["b", None]]
        assert links(backend) == [["a", "b", "1", "next"]]
        wanted.key, wanted.pages = "size", [Short("a", 1), Short("b", 2)]
        wanted.links = [(1, 2, Link("1", "next"))]  # type: ignore[list-item]
        program.update_blocking()
        query = "MATCH (a:Page)-[r:LINKS]->(b:Page) RETURN a.size, b.size, b.id"
        assert backend.look(query) == [[1, 2, "b"]]
        assert len(pages(backend)) == 2


def test_a_label_of_the_users_keeps_its_other_nodes(tmp_path: Path, backend: Backend) -> None:
    exists = True

    @coco.fn
    async def main() -> None:
        if exists:
            table = await backend.connector.mount_table_target(
                DB, "Page", managed_by=ManagedBy.USER
            )
            table.declare_record(row={"id": "a", "title": "A"})

    backend.look("CREATE (:Page {id: 'mine', title: 'M'})")
    with running(tmp_path, backend, main) as program:
        program.update_blocking()
        assert pages(backend) == [["a", "A"], ["mine", "M"]]
        exists = False
        program.update_blocking()
        assert ["mine", "M"] in pages(backend)


def test_values_of_many_types_and_rows_without_a_schema(tmp_path: Path, backend: Backend) -> None:
    key = uuid.UUID(int=7)

    row = Row(
        key, 1, np.int8(2), 0.5, True, ["x", "y"], [key], {"k": [1]}, [Inner(3)], "two",
        datetime.date(2026, 1, 2), 12,
    )  # fmt: skip
    if backend.connector is falkordb_connector:
        own: Any = falkordb_connector.FalkorType("string", str)
    else:
        own = neo4j_connector.Neo4jType("STRING", str)

    @coco.fn
    async def main() -> None:
        connector = backend.connector
        schema = await connector.TableSchema.from_class(Row, column_overrides={"own": own})
        rows = await connector.mount_table_target(DB, "Row", schema)
        rows.declare_record(row=row)
        free = await connector.mount_table_target(DB, "Free", primary_key="name")
        free.declare_record(row={"name": "f", "list": [1, 2], "map": {"k": None}, "key": key})
        free.declare_record(row={"name": "g"})
        relation = await connector.mount_relation_target(DB, "OF", rows, free)
        relation.declare_relation(from_id=key, to_id="f")

    with running(tmp_path, backend, main) as program:
        program.update_blocking()
    ((found,),) = backend.look("MATCH (n:Row) RETURN properties(n)")
    day = found.pop("day")
    assert getattr(day, "iso_format", lambda: day)() == "2026-01-02"
    assert dict(found) == {
        "id": str(key), "number": 1, "small": 2, "half": 0.5, "flag": True, "tags": ["x", "y"],
        "keys": [str(key)], "mapping": '{"k": [1]}', "inners": '[{"a": 3}]', "either": "two",
        "own": "12",
    }  # fmt: skip
    query = "MATCH (n:Free) RETURN n.name, n.list, n.map, n.key ORDER BY n.name"
    assert backend.look(query) == [
        ["f", [1, 2], '{"k": null}', str(key)],
        ["g", None, None, None],
    ]
    query = "MATCH (r:Row)-[o:OF]->(f:Free) RETURN r.id, f.name, o.id"
    assert backend.look(query) == [[str(key), "f", f"Row_{key}_Free_f"]]


def test_a_vector_index_finds_the_nearest(tmp_path: Path, falkordb: Backend) -> None:
    metric: Any = "cosine"
    indexed = True

    @coco.fn
    async def main() -> None:
        schema = await falkordb_connector.TableSchema.from_class(Located)
        assert schema.columns["vector"].type == "vector<float32, 2>"
        table = await falkordb_connector.mount_table_target(DB, "Row", schema)
        for name, values in (("east", [1, 0]), ("north", [0, 1]), ("far", [0, 9])):
            table.declare_record(row=Located(name, np.array(values, np.float32)))
        if indexed:
            table.declare_vector_index(field="vector", metric=metric, dimension=2)

    def nearest() -> list[list[Any]]:
        return falkordb.look(
            "CALL db.idx.vector.queryNodes('Row', 'vector', 2, vecf32([0.1, 1])) "
            "YIELD node, score RETURN node.id ORDER BY score"
        )

    def indexes() -> list[list[Any]]:
        query = "CALL db.indexes() YIELD label, types RETURN types"
        return falkordb.look(query)

    with running(tmp_path, falkordb, main) as program:
        program.update_blocking()
        assert {name for (name,) in nearest()} == {"north", "far"}
        metric = "euclidean"
        program.update_blocking()
        assert [name for (name,) in nearest()] == ["north", "east"]
        indexed = False
        program.update_blocking()
        assert indexes() == [[{"id": ["RANGE"]}]]


def test_vector_indexes_of_neo4j_go_by_their_names() -> None:
    statements: list[str] = []

    class Store:
        def run(self, text: str) -> list[list[Any]]:
            statements.append(text)
            return []

        def write(self, job: Any) -> None: ...

        def close(self) -> None: ...

    dialect, store = Neo4jDialect(), Store()
    index = VectorIndex("mine", "vector", "cosine", 2)
    dialect.create_vector_index(store, "Row", index)
    dialect.drop_vector_index(store, "Row", index)
    assert statements == [
        "CREATE VECTOR INDEX `mine` IF NOT EXISTS FOR (n:`Row`) ON n.`vector` OPTIONS { "
        "indexConfig: { `vector.dimensions`: 2, `vector.similarity_function`: 'cosine' } }",
        "DROP INDEX `mine` IF EXISTS",
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": ""}, "finds no node by the key ''"),
        ({"id": " a"}, "strip white space"),
        ({"id": "x" * 4097}, "more than 4096 bytes"),
        ({"id": None}, "cannot be None"),
        ({"title": "A"}, "missing primary key field 'id'"),
        ({"id": "a", "b c": 1}, "Invalid FalkorDB property name: 'b c'"),
        ({"id": "a", "n": float("nan")}, "cannot hold the number nan"),
    ],
)
def test_rows_that_falkordb_cannot_keep_are_refused(
    tmp_path: Path, falkordb: Backend, row: Any, message: str
) -> None:
    @coco.fn
    async def main() -> None:
        table = await falkordb_connector.mount_table_target(DB, "Page")
        table.declare_record(row=row)

    with running(tmp_path, falkordb, main) as program, pytest.raises(ValueError, match=message):
        program.update_blocking()


def test_names_schemas_and_indexes_are_checked() -> None:
    with pytest.raises(ValueError, match="Invalid Neo4j table name: 'a b'"):
        neo4j_connector.table_target(DB, "a b")
    with pytest.raises(ValueError, match="Invalid FalkorDB graph name"):
        falkordb_connector.ConnectionFactory("falkor://x", graph="a-b")
    schema = neo4j_connector.TableSchema(
        {"key": neo4j_connector.ColumnDef("STRING")}, primary_key="key"
    )
    with pytest.raises(ValueError, match="primary_key 'id' does not match the schema's 'key'"):
        neo4j_connector.table_target(DB, "Page", schema)
