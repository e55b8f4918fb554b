"""What `@model` accepts and refuses, and the registry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlmodel import Field

from coco_flow.errors import DefinitionError, ModelNotFound
from coco_flow.models import (
    ConfigParam,
    ModelConfig,
    ModelRegistry,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    get_pipeline,
    model,
)
from tests.model_parts import row_class

pytestmark = pytest.mark.usefixtures("own_models")


def nothing(writer: Any) -> None:
    """Write nothing.

    At all.
    """


def refused(function: Callable[..., Any] = nothing, **options: Any) -> str:
    given = {"name": "a.b", "db_model": row_class(), **options}
    with pytest.raises(DefinitionError) as caught:
        model(**given)(function)
    assert ModelRegistry.names() == []
    return caught.value.message


def test_a_model_has_what_was_declared() -> None:
    class Settings(ModelConfig):
        size: int = ConfigParam(default=1)

    db_model = row_class()

    @model(name="a.b", db_model=db_model, config_schema=Settings, sources={"input": "documents"})
    def sections(sources: Any, writer: Any, other: int = 3, **rest: Any) -> None:
        """Split documents.

        At headings.
        """

    declared = ModelRegistry.get("a.b")
    assert sections.model is declared  # type: ignore[attr-defined]
    assert declared.primary_key == ("document_id",)
    assert declared.write_strategy == "replace"
    assert declared.description == "Split documents."
    assert declared.scope == "document"
    assert declared.document_column == "document_id"
    assert [one.name for one in declared.inputs] == ["input"]
    # The function is as it was: a test calls it with frames.
    assert sections({}, None) is None


def test_the_scope_follows_the_table() -> None:
    class Total(PipelineModelBase, table=True):
        name: str = Field(primary_key=True)

    declared = model("a.total", Total)(nothing).model  # type: ignore[attr-defined]
    assert declared.scope == "table"
    assert declared.document_column is None


@pytest.mark.parametrize("name", ["sections", "a.", ".b", "a b.c", "1.b", "a.1", "a..b", ""])
def test_a_name_must_be_of_module_and_model(name: str) -> None:
    assert repr(name) in refused(name=name)


@pytest.mark.parametrize("name", ["a.b", "a.b.c", "my-module.my_model-2"])
def test_names_may_have_hyphens_and_more_than_one_dot(name: str) -> None:
    model(name, row_class())(nothing)
    assert ModelRegistry.names() == [name]


def test_the_row_class_must_have_a_table() -> None:
    class NoTable(PipelineModelBase):
        document_id: str

    assert "must be a SQLModel class with table=True" in refused(db_model=NoTable)
    assert "not None" in refused(db_model=None)
    assert "not 'sections'" in refused(db_model="sections")


def test_the_key_must_be_of_columns() -> None:
    message = refused(primary_key=["document_id", "section"])
    assert "'section'" in message
    assert "; it has " in message
    assert "document_id" in message
    declared: Any = model("a.b", row_class(), primary_key="document_id")(nothing)
    assert declared.model.primary_key == ("document_id",)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"write_strategy": "upsert"}, "write_strategy is 'upsert'; it may be append, merge"),
        ({"executor": "gpu"}, "executor is 'gpu'; it may be thread, process"),
        ({"scope": "row"}, "scope is 'row'; it may be document, table"),
        ({"batch_size": 0}, "batch_size is 0; it must be at least 1"),
        ({"batch_size": 5, "scope": "table"}, "batch_size"),
        ({"sources": {"x": 3}}, "the source 'x' is 3"),
        ({"sources": {"x": ("t", {"load": True})}}, "the source 'x' is"),
        ({"sources": {"x": ("t", {}, 1)}}, "the source 'x' is"),
        ({"config_schema": dict}, "config_schema must be a subclass of ModelConfig"),
        ({"tests": ["not_null"]}, "'not_null' is no test"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_options_that_do_not_fit_are_refused(options: dict[str, Any], words: str) -> None:
    def given(sources: Any, writer: Any) -> None: ...

    message = refused(given, **options)
    assert message.startswith("Model 'a.b'")
    assert words in message


def test_every_parameter_must_be_given_something() -> None:
    def unknown(writer: Any, limit: int) -> None: ...

    def positional(writer: Any, /) -> None: ...

    def without_sources(writer: Any) -> None: ...

    assert "parameter 'limit'" in refused(unknown)
    assert "parameter 'writer'" in refused(positional)
    assert "no parameter `sources`" in refused(without_sources, sources={"x": "documents"})


def test_load_content_takes_only_its_options() -> None:
    with pytest.raises(DefinitionError, match="no option 'rot'"):
        Reference("documents", load_content={"rot": "a"})


def test_a_model_of_the_same_place_replaces_the_one_before() -> None:
    db_model = row_class()

    def declare() -> Any:
        @model("a.b", db_model)
        def one(writer: Any) -> None: ...

        return one

    declare()
    again = declare()
    assert ModelRegistry.get("a.b") is again.model
    with pytest.raises(DefinitionError, match=r"Two models have the name 'a\.b': .*one"):
        model("a.b", row_class())(nothing)


def test_a_table_has_one_model() -> None:
    db_model = row_class()
    model("a.b", db_model)(nothing)
    with pytest.raises(DefinitionError, match=r"'a\.b' and 'a\.c' both write the table"):
        model("a.c", db_model)(nothing)


def test_an_unknown_model_is_an_error_with_the_nearest_name() -> None:
    model("indexing.sections", row_class("sections"))(nothing)
    with pytest.raises(ModelNotFound) as caught:
        ModelRegistry.get("indexing.section")
    assert str(caught.value).startswith(
        "There is no model 'indexing.section'. Did you mean 'indexing.sections'?"
    )
    assert ModelRegistry.resolve("sections") is ModelRegistry.get("indexing.sections")
    assert ModelRegistry.resolve("nothing") is None


def test_a_pipeline_is_made_of_models() -> None:
    model("indexing.sections", row_class())(nothing)
    with pytest.raises(DefinitionError, match="'empty' has no models"):
        PipelineConfig("empty", [])
    with pytest.raises(DefinitionError, match="is no model"):
        _ = PipelineConfig("one", [row_class]).model_names
    assert PipelineConfig("two", ["x.y", nothing]).model_names == ["x.y", "indexing.sections"]
    assert get_pipeline("two").name == "two"
    assert get_pipeline("indexing").model_names == ["indexing.sections"]
    with pytest.raises(ModelNotFound, match="Did you mean 'indexing'"):
        get_pipeline("indexin")
