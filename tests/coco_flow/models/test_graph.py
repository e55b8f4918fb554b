"""The order of models, and what is refused before anything runs."""

from __future__ import annotations

from typing import Any

import pytest

from coco_flow.errors import CocoError, DefinitionError, InvalidSetting, ModelNotFound
from coco_flow.models import (
    ConfigParam,
    ModelConfig,
    ModelContext,
    Overrides,
    Reference,
    accepted_values,
    build_graph,
    check,
    execute_model_sync,
    model,
    not_null,
    unique,
)
from coco_flow.models.checks import check_run
from coco_flow.models.database import Database
from coco_flow.models.store.documents import prepare
from tests.model_parts import fill, row_class

pytestmark = pytest.mark.usefixtures("own_models")


def declare(name: str, *inputs: Any, **options: Any) -> Any:
    """Declare a model `m.NAME` that writes the table NAME and must not run."""

    def function(sources: Any, writer: Any, config: Any = None) -> None:
        raise AssertionError

    function.__qualname__ = name
    sources = {f"input{number}": given for number, given in enumerate(inputs)}
    return model(f"m.{name}", row_class(name), sources=sources, **options)(function)


def levels(*names: str) -> list[list[str]]:
    return [[one.name for one in level] for level in build_graph(names).levels]


def refused(database: Database, *names: str, overrides: Overrides | None = None) -> CocoError:
    graph = build_graph(names)
    prepare(database)
    with pytest.raises(CocoError) as caught:
        check_run(graph, database, ModelContext(), overrides or Overrides())
    assert not any(database.has_table(one.table.name) for one in graph.models)
    return caught.value


def test_models_are_ordered_by_what_they_read() -> None:
    declare("d", "m.b", "c", "outside")
    declare("b", "m.a")
    declare("c", "a", "documents")
    declare("a", "documents")
    declare("e", "documents")
    # References by name and by table are the same; so are the orders in which models are given.
    for names in (["m.d", "m.b", "m.c", "m.a", "m.e"], ["m.e", "m.a", "m.c", "m.b", "m.d"]):
        assert [set(level) for level in levels(*names)] == [
            {"m.a", "m.e"}, {"m.b", "m.c"}, {"m.d"},
        ]  # fmt: skip
    graph = build_graph(["m.d", "m.b", "m.c", "m.a"])
    assert graph.needs == {
        "m.d": ("m.b", "m.c"), "m.b": ("m.a",), "m.c": ("m.a",), "m.a": (),
    }  # fmt: skip
    assert graph.tables == {
        "m.d": ("outside",), "m.b": (), "m.c": ("documents",), "m.a": ("documents",),
    }  # fmt: skip
    assert graph.downstream("m.a") == {"m.b", "m.c", "m.d"}
    assert graph.downstream("m.b") == {"m.d"}
    # A model outside the pipeline is a table from outside.
    assert build_graph(["m.b"]).tables == {"m.b": ("a",)}
    assert levels("m.a", "m.a") == [["m.a"]]


def test_a_cycle_is_refused_with_its_path() -> None:
    declare("a", "m.d")
    declare("b", "a")
    declare("c", "m.b")
    declare("d", "m.c", "documents")
    declare("behind", "m.d")
    declare("self", "m.self")
    with pytest.raises(DefinitionError) as caught:
        build_graph(["m.behind", "m.a", "m.b", "m.c", "m.d"])
    assert caught.value.message == (
        "The references of models form a cycle: m.d → m.c → m.b → m.a → m.d."
    )
    with pytest.raises(DefinitionError, match=r"m\.self → m\.self"):
        build_graph(["m.self"])
    # Without one of them there is none.
    assert levels("m.a", "m.b", "m.c") == [["m.a"], ["m.b"], ["m.c"]]


def test_a_missing_model_is_refused_with_the_nearest_name(database: Database) -> None:
    declare("sections", "m.document")
    declare("documents", "source")
    with pytest.raises(ModelNotFound, match=r"no model 'm\.section'\. Did you mean 'm\.sections'"):
        build_graph(["m.section"])
    error = refused(database, "m.sections")
    assert isinstance(error, ModelNotFound)
    assert error.message == "There is no model 'm.document'. Did you mean 'm.documents'?"


def test_a_missing_table_is_refused(database: Database) -> None:
    fill(database, "CREATE TABLE source (id TEXT)", name="source")
    declare("a", "documents")
    declare("b", "m.a")
    error = refused(database, "m.a", "m.b")
    assert error.message == "Model 'm.a' reads the table 'documents', which is not there."
    assert error.hint is not None
    assert "source" in error.hint
    assert "coco_model_" not in error.hint
    error = refused(database, "m.b")
    assert error.message == (
        "Model 'm.b' reads 'm.a', which is not part of the pipeline, and its table 'a' is not "
        "there yet."
    )


@pytest.mark.parametrize(
    "given",
    [
        ("m.a", {"columns": ["title"]}),
        ("m.a", lambda filters: {"title": "x"}),
        ("a", {"filter": {"title": "x"}}),
        ("m.a", {"document_column": "title"}),
        Reference("m.a", "title"),
    ],
)
def test_a_missing_column_of_a_model_is_refused(database: Database, given: Any) -> None:
    fill(database, "CREATE TABLE documents (id TEXT)")
    declare("a", "documents")
    declare("b", given)
    error = refused(database, "m.a", "m.b")
    assert error.message.startswith("Model 'm.b', input 'input0': Reference(")
    assert "names the column 'title', and table 'a' has none of that name; it has" in error.message


def test_content_without_paths_is_refused(database: Database) -> None:
    fill(database, "CREATE TABLE documents (id TEXT, title TEXT)")
    declare("a", ("documents", {"load_content": True}))
    error = refused(database, "m.a")
    assert "loads content, and table 'documents' has no column with a path" in error.message
    assert error.hint == 'Name it: load_content={"path_column": "…"}.'


@pytest.mark.parametrize(
    "test", [not_null("title"), unique("document_id", "title"), accepted_values("title", [1])]
)
def test_a_test_of_a_missing_column_is_refused(database: Database, test: Any) -> None:
    fill(database, "CREATE TABLE documents (id TEXT)")
    declare("a", "documents", tests=[check(lambda df: True), test])
    error = refused(database, "m.a")
    assert error.message.startswith(f"Model 'm.a', test {test.name}: table 'a' has no column")


def test_settings_are_checked_for_all_models(database: Database) -> None:
    class Settings(ModelConfig):
        size: int = ConfigParam(default=1, ge=1)

    fill(database, "CREATE TABLE documents (id TEXT)")
    declare("a", "documents")
    declare("b", "m.a", config_schema=Settings)
    error = refused(database, "m.a", "m.b", overrides=Overrides({"m.b.size": 0}))
    assert isinstance(error, InvalidSetting)
    assert error.message.startswith("m.b.size = 0 (given by --set)")
    error = refused(database, "m.a", "m.b", overrides=Overrides({"m.a.size": 1}))
    assert "no setting 'size'" in error.message
    error = refused(database, "m.a", "m.b", overrides=Overrides({"m.c.size": 1}))
    assert "no model of this pipeline is meant" in error.message


def test_batches_need_documents(database: Database) -> None:
    fill(database, "CREATE TABLE words (word TEXT)", name="words")
    declare("a", "words", batch_size=5)
    error = refused(database, "m.a")
    assert error.message == (
        "Model 'm.a' has a batch_size, and none of its inputs has a column with the document's id."
    )


def test_a_single_model_is_checked_as_a_pipeline_is(database: Database) -> None:
    one = declare("a", ("documents", {"columns": ["title"]}))
    with pytest.raises(DefinitionError, match="which is not there"):
        execute_model_sync(one)
    fill(database, "CREATE TABLE documents (id TEXT)")
    with pytest.raises(DefinitionError, match="names the column 'title'"):
        execute_model_sync(one)
    assert not database.has_table("a")


def test_a_view_can_be_read(database: Database) -> None:
    fill(database, "CREATE TABLE raw (id TEXT, hidden INTEGER)", [{"id": "a", "hidden": 0}], "raw")
    with database.writing() as connection:
        connection.exec_driver_sql("CREATE VIEW documents AS SELECT id FROM raw WHERE hidden = 0")

    @model("m.read", row_class("read"))
    def read(documents: Any = Reference("documents")) -> Any:
        return [{"document_id": one} for one in documents["id"]]

    assert execute_model_sync(read)["inserted"] == 1
