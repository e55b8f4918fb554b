"""What is wrong is said before anything runs, with the place where it is.

python examples/models/wrong_input.py
"""

# ruff: noqa: T201
from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmodel import Field, SQLModel

from coco_core.errors import CocoError
from coco_flow.models import (
    ConfigParam,
    ModelConfig,
    Overrides,
    PipelineConfig,
    PipelineModelBase,
    Reference,
    TableWriter,
    configure,
    execute_model_sync,
    model,
    run_pipeline_sync,
)


class DocumentRow(SQLModel, table=True):
    """A document of another program."""

    __tablename__ = "documents"
    id: str = Field(primary_key=True)
    body: str


class PartRow(PipelineModelBase, table=True):
    """What the first model of the cycle writes."""

    __tablename__ = "parts"
    document_id: str = Field(primary_key=True)
    words: int = 0


class SumRow(PipelineModelBase, table=True):
    """What the second writes."""

    __tablename__ = "sums"
    document_id: str = Field(primary_key=True)


@model("wrong.parts", PartRow)
def parts(sums: Any = Reference("wrong.sums")) -> list[PartRow]:
    """Read what is made of its own rows."""
    return [PartRow(document_id=document_id) for document_id in sums["document_id"]]


@model("wrong.sums", SumRow)
def sums(found: Any = Reference("wrong.parts")) -> list[SumRow]:
    """Read the first model's rows."""
    return [SumRow(document_id=document_id) for document_id in found["document_id"]]


class OneRow(PipelineModelBase, table=True):
    """A row of the models below."""

    __tablename__ = "ones"
    document_id: str = Field(primary_key=True)
    words: int


class OneConfig(ModelConfig):
    """Settings of the model below."""

    least: int = ConfigParam(1, ge=1, le=10)


@model("wrong.ones", OneRow, config_schema=OneConfig)
def ones(documents: Any = Reference("documents", columns=["body"])) -> list[dict[str, Any]]:
    """Write text where a number belongs."""
    return [{"document_id": document_id, "words": "many"} for document_id in documents["id"]]


class MissingRow(PipelineModelBase, table=True):
    """A row of the model of a missing table."""

    __tablename__ = "missing"
    document_id: str = Field(primary_key=True)


@model("wrong.missing", MissingRow)
def missing(pages: Any = Reference("pages")) -> list[MissingRow]:
    """Read a table that nobody has."""
    return [MissingRow(document_id=document_id) for document_id in pages["id"]]


class StrangeRow(PipelineModelBase, table=True):
    """The row that the model below should write."""

    __tablename__ = "strange"
    document_id: str = Field(primary_key=True)


@model("wrong.strange", StrangeRow)
def strange(documents: Any = Reference("documents")) -> list[OneRow]:
    """Write rows of another model."""
    return [OneRow(document_id=document_id, words=1) for document_id in documents["id"]]


class ColumnRow(PipelineModelBase, table=True):
    """The row of a model that reads a column that is not there."""

    __tablename__ = "columns_read"
    document_id: str = Field(primary_key=True)


@model("wrong.columns", ColumnRow)
def columns(documents: Any = Reference("documents", columns=["title"])) -> list[ColumnRow]:
    """Read a column that the table does not have."""
    return [ColumnRow(document_id=title) for title in documents["title"]]


def show(what: str, function: Callable[[], object]) -> None:
    """Print what a call says."""
    try:
        print(f"{what}: no error; {function()}")
    except CocoError as error:
        print(f"{what}: {error}")


def main() -> None:
    """Make one mistake after the other."""
    configure(database="sqlite:///wrong_input.db")
    writer = TableWriter(db_model=DocumentRow, write_strategy="replace")
    writer.write([DocumentRow(id="a", body="one two")])

    show("cycle", lambda: run_pipeline_sync(PipelineConfig("cycle", [parts, sums])))
    show("missing table", lambda: execute_model_sync(missing))
    show("missing column", lambda: execute_model_sync(columns))
    show("missing model", lambda: execute_model_sync("wrong.one"))
    too_many, unknown = {"wrong.ones.least": 11}, {"wrong.ones.lest": 1}
    show("out of bounds", lambda: execute_model_sync(ones, overrides=Overrides(too_many)))
    show("unknown setting", lambda: execute_model_sync(ones, overrides=Overrides(unknown)))
    show("column type", lambda: execute_model_sync(ones))
    show("rows of another", lambda: execute_model_sync(strange))


if __name__ == "__main__":
    main()
