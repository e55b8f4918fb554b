"""Looks for what would make a run fail, before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coco_flow.errors import DefinitionError
from coco_flow.models.execution import config_of
from coco_flow.models.graph import ModelGraph
from coco_flow.models.loading import BoundInput
from coco_flow.models.registry import ModelRegistry

if TYPE_CHECKING:
    from coco_flow.models.config import Overrides
    from coco_flow.models.context import ModelContext
    from coco_flow.models.database import Database
    from coco_flow.models.declaration import Model

__all__ = ["check_run"]


def check_run(
    graph: ModelGraph, database: Database, context: ModelContext, overrides: Overrides
) -> None:
    """Check tables, columns, tests and settings of a pipeline.

    Raises:
        DefinitionError: A table or column is missing; the message names the model and the path.
        InvalidSetting: A setting is out of bounds.
    """
    overrides.check_models([one.name for one in graph.models])
    for declared in graph.models:
        if config_of(declared, overrides) is None:
            overrides.check_names(declared.name, {})
        elsewhere = {one.reference.name for one in declared.inputs if one.reference.is_elsewhere}
        for table in graph.tables[declared.name]:
            if table not in elsewhere:
                _check_table(declared, table, database)
        _check_inputs(declared, database, context)
        _check_tests(declared)
        if declared.sink is not None:
            # What flows are made of is needed by models with a sink only.
            from coco_flow.models.sinks import check_sink

            check_sink(declared, database)


def _check_table(declared: Model, table: str, database: Database) -> None:
    writer = ModelRegistry.of_table(table)
    if database.has_table(table if writer is None else writer.table):
        return
    if writer is not None:
        raise DefinitionError(
            f"Model {declared.name!r} reads {writer.name!r}, which is not part of the pipeline, "
            f"and its table {table!r} is not there yet.",
            hint=f"Add {writer.name!r} to the pipeline, or run it first.",
        )
    if "." in table:
        # A reference to a model that nothing declared.
        ModelRegistry.get(table)
    names = ", ".join(database.table_names()) or "none"
    raise DefinitionError(
        f"Model {declared.name!r} reads the table {table!r}, which is not there.",
        hint=f"Tables in {database.public_url}: {names}.",
    )


def _check_inputs(declared: Model, database: Database, context: ModelContext) -> None:
    has_documents = False
    for given in declared.inputs:
        try:
            bound = BoundInput(given, database, context, None)
            bound.check()
        except DefinitionError as error:
            raise DefinitionError(
                f"Model {declared.name!r}, input {given.name!r}: {error.message}",
                hint=error.hint,
            ) from error
        has_documents |= bound.document_column is not None
    if declared.batch_size is not None and not has_documents:
        raise DefinitionError(
            f"Model {declared.name!r} has a batch_size, and none of its inputs has a column with "
            "the document's id.",
            hint="Name the column: document_column=…, or leave out batch_size.",
        )


def _check_tests(declared: Model) -> None:
    for test in declared.tests:
        for column in test.columns:
            if column not in declared.table.c:
                raise DefinitionError(
                    f"Model {declared.name!r}, test {test.name}: table {declared.table.name!r} has "
                    f"no column {column!r}; it has {', '.join(declared.table.c.keys())}.",
                )
