"""Brings a model's table into the form that its row class has."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import Column, Connection, Table, inspect, literal

from coco_flow.errors import DefinitionError
from coco_flow.models.columns import python_type

if TYPE_CHECKING:
    from coco_flow.models.database import Database

__all__ = ["ensure_table"]

# Types of which a column of one holds values of the other.
_ALIKE = ({int, float, Decimal}, {str, UUID})


def ensure_table(database: Database, table: Table) -> None:
    """Create a model's table, or add the columns that it lacks.

    Raises:
        DefinitionError: Row class and table differ in a way that needs a decision of the user.
    """
    with database.reading() as connection:
        if _is_complete(database, connection, table):
            return
    with database.writing() as connection:
        database.lock(connection, "tables")
        found = inspect(connection)
        if not found.has_table(table.name, table.schema):
            table.create(connection, checkfirst=True)
            return
        present = {column["name"] for column in found.get_columns(table.name, table.schema)}
        for column in table.columns:
            if column.name not in present:
                _add_column(database, connection, table, column)


def _is_complete(database: Database, connection: Connection, table: Table) -> bool:
    """Say whether the table is there with all columns of the row class."""
    found = inspect(connection)
    if not found.has_table(table.name, table.schema):
        return False
    columns = found.get_columns(table.name, table.schema)
    present = {column["name"]: column for column in columns}
    for name, column in present.items():
        if name in table.c:
            _check_type(database, table, table.c[name], column["type"])
            continue
        is_required = not column["nullable"] and column["default"] is None
        if is_required and column.get("autoincrement") is not True:
            raise DefinitionError(
                f"Table {table.name!r} in {database.public_url} has the column {name!r}, which "
                "may not be null, and the row class has none of that name.",
                hint="Add it to the row class, or drop the column or the table.",
            )
    return all(column.name in present for column in table.columns)


def _check_type(database: Database, table: Table, declared: Column[Any], found: Any) -> None:
    kinds = {python_type(declared), python_type(Column(declared.name, found))}
    if len(kinds) == 1 or None in kinds or any(kinds <= alike for alike in _ALIKE):
        return
    dialect = database.engine.dialect
    raise DefinitionError(
        f"Table {table.name!r} in {database.public_url} has the column {declared.name!r} of type "
        f"{found.compile(dialect)}, and the row class has it of type "
        f"{declared.type.compile(dialect)}.",
        hint="Give both the same type, or drop the table.",
    )


def _add_column(
    database: Database, connection: Connection, table: Table, column: Column[Any]
) -> None:
    names = connection.dialect.identifier_preparer
    kind = column.type.compile(connection.dialect)
    statement = (
        f"ALTER TABLE {names.format_table(table)} ADD COLUMN {names.quote(column.name)} {kind}"
    )
    if not column.nullable:
        default: Any = column.default
        if default is None or not default.is_scalar:
            raise DefinitionError(
                f"Table {table.name!r} in {database.public_url} lacks the column "
                f"{column.name!r}, which may not be null.",
                hint="Let it be None or give it a default value, or drop the table.",
            )
        # What the rows that are there get.
        value = literal(default.arg, column.type).compile(
            dialect=connection.dialect, compile_kwargs={"literal_binds": True}
        )
        statement += f" DEFAULT {value} NOT NULL"
    connection.exec_driver_sql(statement)
