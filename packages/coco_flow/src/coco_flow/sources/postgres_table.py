"""A table or view of PostgreSQL as its catalog describes it, and the queries that read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from coco_flow.errors import DefinitionError
from coco_flow.sources.postgres_columns import Column, column
from coco_flow.types.schema import EnrichedValueType, FieldSchema

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = ["PostgresTable", "describe_table", "quote"]

# Names in double quotes may hold anything, so a name that does not resolve is tried as one too.
_FIND_RELATION = """
    SELECT c.oid, n.nspname, c.relname, c.relkind
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = coalesce(to_regclass(%(name)s), to_regclass(quote_ident(%(name)s)))
      AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""

# The type of a domain is the type below it, through any number of domains.
_COLUMNS = """
    WITH RECURSIVE base (name, number, not_null, modifier, type) AS (
        SELECT attname, attnum, attnotnull, atttypmod, atttypid
        FROM pg_attribute
        WHERE attrelid = %(relation)s AND attnum > 0 AND NOT attisdropped
      UNION ALL
        SELECT b.name, b.number, b.not_null OR t.typnotnull, t.typtypmod, t.typbasetype
        FROM base b JOIN pg_type t ON t.oid = b.type
        WHERE t.typtype = 'd'
    )
    SELECT b.name, t.typname, b.not_null, b.modifier,
           array_position(i.indkey::int2[], b.number) AS place
    FROM base b
    JOIN pg_type t ON t.oid = b.type AND t.typtype <> 'd'
    LEFT JOIN pg_index i ON i.indrelid = %(relation)s AND i.indisprimary
    ORDER BY b.number
"""

# Rows of foreign tables have no transaction numbers, not even where they are partitions.
_HAS_FOREIGN_PARTS = """
    SELECT EXISTS (
        SELECT FROM pg_partition_tree(%(relation)s) p JOIN pg_class c ON c.oid = p.relid
        WHERE c.relkind = 'f'
    )
"""


def quote(identifier: str) -> str:
    """Return an identifier in double quotes."""
    escaped = identifier.replace('"', '""')
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class PostgresTable:
    """The columns and queries of a table that is read.

    Attributes:
        schema: The schema's name, quoted.
        name: The table's name, quoted, with its schema.
        is_table: It can have triggers, which views cannot.
        key: The key columns, in the order of the primary key.
        value: The other columns that are read, in the table's order.
        version: The SQL that gives a text which changes whenever the row does.
        ordinal: The SQL that gives the row's place in an order, or None.
        condition: The SQL condition for rows, or None for all rows.
    """

    schema: str
    name: str
    is_table: bool
    key: tuple[Column, ...]
    value: tuple[Column, ...]
    version: str
    ordinal: str | None
    condition: str | None

    @property
    def list_query(self) -> str:
        """Rows of key, version and ordinal."""
        selected = [c.select for c in self.key] + [self.version, self.ordinal or "NULL::int8"]
        where = f" WHERE ({self.condition})" if self.condition else ""
        return f"SELECT {', '.join(selected)} FROM {self.name}{where}"  # noqa: S608

    @property
    def read_query(self) -> str:
        """Rows of place, version, ordinal and values, for arrays of the keys' parts."""
        wanted = ", ".join(f"%s::{c.type_name}[]" for c in self.key)
        parts = ", ".join(f"k{number}" for number in range(len(self.key)))
        values = [self.version, self.ordinal or "NULL::int8", *(c.select for c in self.value)]
        # The inner select keeps the names of the condition free of those of the keys.
        inner = [f"{c.select} AS c{n}" for n, c in enumerate(self.key)]
        inner += [f"{value} AS v{number}" for number, value in enumerate(values)]
        chosen = ", ".join(f"v{number}" for number in range(len(values)))
        matches = " AND ".join(f"t.c{number} = w.k{number}" for number in range(len(self.key)))
        where = f" WHERE ({self.condition})" if self.condition else ""
        table = f"SELECT {', '.join(inner)} FROM {self.name}{where}"  # noqa: S608
        table = table.replace("%", "%%")  # which psycopg takes for a parameter
        return (
            f"SELECT place, {chosen} "  # noqa: S608 - identifiers from the catalog
            f"FROM unnest({wanted}) WITH ORDINALITY AS w ({parts}, place) "
            f"JOIN ({table}) AS t ON {matches}"
        )

    @property
    def key_query(self) -> str:
        """Rows of keys, for arrays of their parts as texts."""
        wanted = ", ".join("%s::text[]" for _ in self.key)
        parts = ", ".join(f"k{number}" for number in range(len(self.key)))
        casts = ", ".join(f"k{n}::{c.type_name}" for n, c in enumerate(self.key))
        return f"SELECT {casts} FROM unnest({wanted}) AS w ({parts})"  # noqa: S608


def describe_table(
    connection: Connection[Any],
    table_name: str,
    *,
    included_columns: Sequence[str] | None,
    primary_key_columns: Sequence[str] | None,
    ordinal_column: str | None,
    condition: str | None,
) -> PostgresTable:
    """Look a table up in the catalog.

    Raises:
        DefinitionError: There is no such table or column, or no key.
    """
    found = connection.execute(_FIND_RELATION, {"name": table_name}).fetchone()
    if found is None:
        raise DefinitionError(
            f"There is no table or view {table_name!r} in this database.",
            hint='Write the name with its schema if it is not in the search path: "schema.table".',
        )
    relation, schema, name, kind = found
    columns: dict[str, Column] = {}
    places: dict[str, int] = {}
    for attribute, type_name, not_null, modifier, place in connection.execute(
        _COLUMNS, {"relation": relation}
    ):
        columns[attribute] = column(
            attribute,
            quote(attribute),
            type_name=type_name,
            nullable=not not_null,
            dimension=modifier if modifier > 0 else None,
        )
        if place is not None:
            places[attribute] = place
    keys = list(primary_key_columns or sorted(places, key=places.__getitem__))
    if not keys:
        raise DefinitionError(
            f"{table_name!r} has no primary key, so that its rows cannot be identified.",
            hint="Add one, or name columns that are unique together: primary_key_columns=[…].",
        )
    _check_names(table_name, columns, [*keys, *(included_columns or ())])
    values = [c for c in columns if c not in keys]
    if included_columns is not None:
        values = [c for c in values if c in included_columns]
    return PostgresTable(
        schema=quote(schema),
        name=f"{quote(schema)}.{quote(name)}",
        is_table=kind in ("r", "p"),
        key=tuple(_key_column(table_name, columns[name]) for name in keys),
        value=tuple(columns[name] for name in values),
        version=_version(connection, relation, kind, [columns[name] for name in values]),
        ordinal=_ordinal(table_name, columns, ordinal_column),
        condition=condition,
    )


def _check_names(table_name: str, columns: dict[str, Column], names: Sequence[str]) -> None:
    missing = [name for name in names if name not in columns]
    if missing:
        raise DefinitionError(
            f"{table_name!r} has no column {missing[0]!r}.",
            hint=f"Its columns are: {', '.join(map(repr, columns))}.",
        )


def _key_column(table_name: str, found: Column) -> Column:
    kind = str(found.field.value_type.type)
    if kind.startswith(("Json", "Vector")):
        raise DefinitionError(
            f"The column {found.field.name!r} of {table_name!r} is of type {kind}, which no key "
            "can have.",
            hint="Name other columns: primary_key_columns=[…].",
        )
    not_null = FieldSchema(found.field.name, EnrichedValueType(found.field.value_type.type))
    return replace(found, field=not_null)


def _version(
    connection: Connection[Any], relation: int, kind: str, values: Sequence[Column]
) -> str:
    """Return the version of a row: the transaction that wrote it, or a digest of it."""
    if kind in ("r", "m"):
        return "xmin::text"
    if kind == "p":
        parts = connection.execute(_HAS_FOREIGN_PARTS, {"relation": relation}).fetchone()
        if parts is not None and not parts[0]:
            return "xmin::text"
    return f"md5(ROW({', '.join(c.select for c in values)})::text)"


def _ordinal(table_name: str, columns: dict[str, Column], name: str | None) -> str | None:
    if name is None:
        return None
    _check_names(table_name, columns, [name])
    if columns[name].ordinal is None:
        raise DefinitionError(
            f"The ordinal column {name!r} of {table_name!r} is neither a whole number nor a time.",
            hint="Name a column that grows whenever its row changes, or leave ordinal_column out.",
        )
    return columns[name].ordinal
