"""Set-up of PostgreSQL tables: creates and alters a table, its indexes and attachments.

A change looks at the table as it is, not only at the recorded states, so that it can be repeated
after a crash at any point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.errors import DefinitionError, FlowConflict
from coco_flow.index import VectorIndexDef, VectorSimilarityMetric
from coco_flow.ports import Compatibility, ExportSchema
from coco_flow.targets.table_state import (
    compare_columns,
    fts_fields,
    possible_states,
    vector_fields,
)

if TYPE_CHECKING:
    from psycopg import Connection

__all__ = [
    "index_definitions",
    "needs_recreation",
    "quote",
    "remove_table",
    "run_sql_commands",
    "set_up_table",
    "sql_commands_to_run",
    "table_reference",
]

# PostgreSQL cuts longer names off, and two indexes with one beginning would be one.
_NAME_BYTES = 63

# More dimensions than these cannot be indexed by pgvector.
_INDEXED_DIMENSIONS = {"vector": 2000, "halfvec": 4000}

_METRICS = {
    VectorSimilarityMetric.COSINE_SIMILARITY: "cosine_ops",
    VectorSimilarityMetric.L2_DISTANCE: "l2_ops",
    VectorSimilarityMetric.INNER_PRODUCT: "ip_ops",
}

_METHOD_OPTIONS = {"Hnsw": ("hnsw", ("m", "ef_construction")), "IvfFlat": ("ivfflat", ("lists",))}

# Changes of a column's type that keep its values; "vector" is any dimension.
_KEEPING_CASTS = {
    ("real", "double precision"),
    ("bigint", "double precision"),
    ("vector", "halfvec"),
    ("halfvec", "vector"),
}

_COLUMNS_SQL = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod),
       coalesce(array_position(i.indkey::int2[], a.attnum), -1)
FROM pg_attribute a
LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


class _Table(NamedTuple):
    """The columns that a table has, in the form that set-up state gives them."""

    key: list[list[str]]
    value: dict[str, str]


def quote(name: str) -> str:
    """Return an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def table_reference(key: Mapping[str, Any]) -> str:
    """Return the quoted name of a table with its schema, for SQL."""
    schema = key.get("schema")
    return (f"{quote(schema)}." if schema else "") + quote(key["table_name"])


def index_definitions(schema: ExportSchema, types: Mapping[str, str]) -> dict[str, str]:
    """Return each index: what follows the table in its name, and ``ON table`` in its statement.

    Raises:
        DefinitionError: A field cannot be indexed that way.
    """
    target = "a Postgres target"
    found = {}
    for index, size in vector_fields(schema, target):
        name, definition = _vector_index(index, size, types[index.field_name])
        found[name] = definition
    for fts in fts_fields(schema, target):
        parameters = dict(fts.parameters or {})
        language = str(parameters.pop("language", "simple"))
        if parameters:
            raise DefinitionError(
                f"The full-text index of {target} on {fts.field_name!r} has parameters that "
                f"PostgreSQL does not know: {', '.join(parameters)}.",
                hint='There is one, "language", a text search configuration such as "english".',
            )
        literal = "'" + language.replace("'", "''") + "'"
        found[f"{fts.field_name}__fts"] = (
            f"USING gin (to_tsvector({literal}::regconfig, {quote(fts.field_name)}))"
        )
    return found


def _vector_index(index: VectorIndexDef, size: int, sql_type: str) -> tuple[str, str]:
    vector_type = sql_type.partition("(")[0]
    most = _INDEXED_DIMENSIONS[vector_type]
    if size > most:
        raise DefinitionError(
            f"The vector index on {index.field_name!r} cannot be made: the field has {size} "
            f"dimensions, and pgvector indexes at most {most} of a {vector_type}.",
            hint='A column of type "halfvec" (in column_options) may have up to 4000.',
        )
    method, options = _METHOD_OPTIONS[index.method.kind if index.method else "Hnsw"]
    given = {name: getattr(index.method, name, None) for name in options}
    settings = ", ".join(f"{name} = {value}" for name, value in given.items() if value is not None)
    operators = f"{vector_type}_{_METRICS[index.metric]}"
    name = f"{index.field_name}__{operators}"
    if index.method is not None:
        name += f"__{method}"
    suffix = f" WITH ({settings})" if settings else ""
    return name, f"USING {method} ({quote(index.field_name)} {operators}){suffix}"


def index_name(key: Mapping[str, Any], suffix: str) -> str:
    """Return the name of a table's index."""
    name = f"{key['table_name']}__{suffix}"
    data = name.encode()
    if len(data) <= _NAME_BYTES:
        return name
    digest = hashlib.blake2b(data, digest_size=6).hexdigest()
    return data[: _NAME_BYTES - 13].decode("utf-8", "ignore") + "_" + digest


def needs_recreation(previous: Sequence[Any | None], current: Any) -> bool:
    """Say whether a table of one of the previous states must go before the current one is made."""
    return any(
        compare_columns(current, state) is Compatibility.NOT_COMPATIBLE
        for state in possible_states(previous)
    )


def set_up_table(
    connection: Connection[Any],
    key: Mapping[str, Any],
    previous: Sequence[Any | None],
    current: Any,
) -> bool:
    """Create or alter the table in the running transaction; return whether it was created.

    Raises:
        FlowConflict: A table of this name exists that no flow has made, and it does not fit.
    """
    states = possible_states(previous)
    table = table_reference(key)
    _add_extension(connection, current)
    existing = _read_table(connection, table)
    if existing is not None and not states:
        _check_adoption(existing, current, table)
    elif existing is not None and (
        existing.key != current["key"] or needs_recreation(previous, current)
    ):
        _execute(connection, f"DROP TABLE {table}")
        existing = None
    if existing is None:
        _create_table(connection, key, current)
    else:
        _drop_indexes(connection, key, states, current)
        _alter_columns(connection, table, existing, states, current)
    for suffix, definition in current["indexes"].items():
        name = quote(index_name(key, suffix))
        _execute(connection, f"CREATE INDEX IF NOT EXISTS {name} ON {table} {definition}")
    return existing is None


def remove_table(connection: Connection[Any], key: Mapping[str, Any]) -> None:
    """Drop the table if it is there; its schema and extensions stay."""
    _execute(connection, f"DROP TABLE IF EXISTS {table_reference(key)}")


def sql_commands_to_run(
    previous: Sequence[Any | None], current: Any | None, *, all_gone: bool
) -> tuple[list[str], list[str]]:
    """Return the tear-down texts, then the set-up texts of attachments that a change runs.

    A tear-down runs when its attachment is gone, or the table; a set-up when its text is not known
    to have run on this table.
    """
    states = possible_states(previous)
    wanted = {} if current is None else current["sql_commands"]
    teardowns = {
        command["teardown_sql"]: None
        for state in states
        for name, command in state["sql_commands"].items()
        if command["teardown_sql"] and (all_gone or name not in wanted)
    }
    certain = not all_gone and bool(states) and None not in previous
    setups = [
        command["setup_sql"]
        for name, command in wanted.items()
        if not certain
        or any(
            state["sql_commands"].get(name, {}).get("setup_sql") != command["setup_sql"]
            for state in states
        )
    ]
    return list(teardowns), setups


def run_sql_commands(connection: Connection[Any], texts: Sequence[str]) -> None:
    """Run SQL texts, of several statements each, as psql would: outside of a transaction.

    Some statements, as ``CREATE INDEX CONCURRENTLY``, refuse to run in one.
    """
    if not texts:
        return
    connection.commit()
    connection.autocommit = True
    try:
        for text in texts:
            _execute(connection, text)
    finally:
        if not connection.closed:
            connection.autocommit = False


def _execute(connection: Connection[Any], statement: str) -> None:
    # As bytes, since the statements here are made of checked and quoted names.
    connection.execute(statement.encode())


def _add_extension(connection: Connection[Any], current: Any) -> None:
    types = [type_ for _, type_ in (*current["key"], *current["value"])]
    if not any(type_.startswith(("vector(", "halfvec(")) for type_ in types):
        return
    # Who may not create extensions may still use one that is there.
    found = connection.execute("SELECT 1 FROM pg_extension WHERE extname = 'vector'").fetchone()
    if found is None:
        _execute(connection, "CREATE EXTENSION IF NOT EXISTS vector")


def _read_table(connection: Connection[Any], table: str) -> _Table | None:
    rows = connection.execute(_COLUMNS_SQL, [table]).fetchall()
    if not rows:
        return None
    # An extension may be in a schema that is not searched; then the type has a prefix.
    plain = [(name, type_.rpartition(".")[2], place) for name, type_, place in rows]
    key = sorted((place, name, type_) for name, type_, place in plain if place >= 0)
    return _Table(
        [[name, type_] for _, name, type_ in key],
        {name: type_ for name, type_, place in plain if place < 0},
    )


def _check_adoption(existing: _Table, current: Any, table: str) -> None:
    changed = [name for name, type_ in current["value"] if existing.value.get(name, type_) != type_]
    if existing.key == current["key"] and not changed:
        return
    what = f"the columns {', '.join(changed)}" if changed else "its primary key"
    raise FlowConflict(
        f"There is a table {table} already that this flow has not made, and it differs in {what}.",
        hint="Give the target another table_name, or drop the table.",
    )


def _create_table(connection: Connection[Any], key: Mapping[str, Any], current: Any) -> None:
    schema = key.get("schema")
    if schema:
        found = connection.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]
        ).fetchone()
        if found is None:
            _execute(connection, f"CREATE SCHEMA IF NOT EXISTS {quote(schema)}")
    parts = [f"{quote(name)} {type_} NOT NULL" for name, type_ in current["key"]]
    parts += [f"{quote(name)} {type_}" for name, type_ in current["value"]]
    names = ", ".join(quote(name) for name, _ in current["key"])
    _execute(
        connection,
        f"CREATE TABLE {table_reference(key)} ({', '.join(parts)}, PRIMARY KEY ({names}))",
    )


def _drop_indexes(
    connection: Connection[Any], key: Mapping[str, Any], states: Sequence[Any], current: Any
) -> None:
    schema = f"{quote(key['schema'])}." if key.get("schema") else ""
    wanted = current["indexes"]
    gone = {
        name: None
        for state in states
        for name, definition in state["indexes"].items()
        if wanted.get(name) != definition
    }
    for name in gone:
        _execute(connection, f"DROP INDEX IF EXISTS {schema}{quote(index_name(key, name))}")


def _alter_columns(
    connection: Connection[Any], table: str, existing: _Table, states: Sequence[Any], current: Any
) -> None:
    wanted = dict(current["value"])
    known = {name: None for state in states for name, _ in state["value"]}
    actions = [
        f"DROP COLUMN {quote(name)}"
        for name in known
        if name not in wanted and name in existing.value
    ]
    for name, type_ in wanted.items():
        column, found = quote(name), existing.value.get(name)
        if found == type_:
            continue
        if found is not None and _cast_keeps(found, type_):
            actions.append(f"ALTER COLUMN {column} TYPE {type_} USING {column}::{type_}")
            continue
        if found is not None:
            # One statement may not drop a column and add another of its name.
            _execute(connection, f"ALTER TABLE {table} DROP COLUMN {column}")
        actions.append(f"ADD COLUMN {column} {type_}")
    if actions:
        _execute(connection, f"ALTER TABLE {table} {', '.join(actions)}")


def _cast_keeps(old: str, new: str) -> bool:
    old_name, _, old_size = old.partition("(")
    new_name, _, new_size = new.partition("(")
    return (old_name, new_name) in _KEEPING_CASTS and old_size == new_size
