"""Set-up of SQLite tables: columns, full-text indexes by FTS5 and vector indexes by sqlite-vec.

An index is a virtual table next to the table, which triggers keep up to date, whichever program
writes. It finds a row by its number, which therefore must be a column: SQLite may renumber the rows
of a table that has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from coco_flow.errors import DefinitionError, FlowConflict
from coco_flow.index import VectorSimilarityMetric
from coco_flow.ports import Compatibility, ExportSchema
from coco_flow.targets.table_state import (
    compare_columns,
    fts_fields,
    possible_states,
    vector_fields,
)

if TYPE_CHECKING:
    from sqlite3 import Connection

__all__ = ["ROW_NUMBER", "index_definitions", "quote", "remove_table", "set_up_table"]

ROW_NUMBER = "_row"
"""Column with the row's number, in tables that have an index and no integer as key."""

_METRICS = {
    VectorSimilarityMetric.COSINE_SIMILARITY: "cosine",
    VectorSimilarityMetric.L2_DISTANCE: "l2",
}

_FTS_OPTIONS = frozenset({"tokenize", "prefix", "detail", "columnsize"})


class _Table(NamedTuple):
    key: list[list[str]]
    value: dict[str, str]
    numbered: bool


def quote(name: str) -> str:
    """Return an identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def index_definitions(schema: ExportSchema) -> dict[str, dict[str, str]]:
    """Return each index: the end of its name, with the field and the virtual table's definition.

    Raises:
        DefinitionError: A field cannot be indexed that way.
    """
    found: dict[str, dict[str, str]] = {}
    for index, size in vector_fields(schema, "an SQLite target"):
        name = index.field_name
        if index.method is not None:
            raise DefinitionError(
                f"The vector index on {name!r} asks for {index.method.kind}; the index of an "
                "SQLite target compares all vectors.",
                hint="Leave `method` out, or export to Postgres, Qdrant or LanceDB.",
            )
        if index.metric not in _METRICS:
            raise DefinitionError(
                f"An SQLite target has no vector index by {index.metric.value} (on {name!r}).",
                hint="It has CosineSimilarity and L2Distance.",
            )
        options = f"float[{size}] distance_metric={_METRICS[index.metric]}"
        found[f"{name}__vec"] = {"field": name, "module": "vec0", "options": options}
    for fts in fts_fields(schema, "an SQLite target"):
        parameters = fts.parameters or {}
        if unknown := set(parameters) - _FTS_OPTIONS:
            raise DefinitionError(
                f"The full-text index on {fts.field_name!r} has parameters that FTS5 does not "
                f"know: {', '.join(sorted(unknown))}.",
                hint=f"It knows {', '.join(sorted(_FTS_OPTIONS))}.",
            )
        options = "".join(f", {name}={_literal(value)}" for name, value in parameters.items())
        found[f"{fts.field_name}__fts"] = {
            "field": fts.field_name,
            "module": "fts5",
            "options": options,
        }
    names = {field.name.lower() for field in (*schema.key, *schema.value)}
    if found and (taken := names & {"rowid", "oid", "_rowid_", ROW_NUMBER}):
        raise DefinitionError(
            f"A field of an SQLite target with an index cannot be named {', '.join(taken)}: so "
            "SQLite calls the number of a row, by which the index finds it.",
            hint="Collect the field under another name.",
        )
    return found


def set_up_table(
    connection: Connection, table: str, previous: Sequence[Any | None], current: Any
) -> None:
    """Create or alter the table and its indexes in the running transaction.

    Raises:
        FlowConflict: A table of this name exists that no flow has made, and it does not fit.
    """
    states = possible_states(previous)
    existing = _read_table(connection, table)
    kept: dict[str, Any] = current["indexes"]
    if existing is not None and not states:
        _check_adoption(existing, current, table)
    changed = {
        name
        for state in states
        for name, definition in state["indexes"].items()
        if kept.get(name) != definition
    }
    lost = any(compare_columns(current, s) is Compatibility.NOT_COMPATIBLE for s in states)
    if existing is not None and states and (lost or existing.key != current["key"]):
        _drop_indexes(connection, table, {*changed, *kept})
        connection.execute(f"DROP TABLE {quote(table)}")
        existing = None
    if existing is None:
        _drop_indexes(connection, table, {*changed, *kept})
        _create_table(connection, table, current)
    else:
        numbered = existing.numbered or not kept
        # A column that an index's trigger names can neither be dropped nor moved.
        _drop_indexes(connection, table, changed if numbered else {*changed, *kept})
        _alter_columns(connection, table, existing, states, current)
        if not numbered:
            _rebuild(connection, table, current)
    for name, definition in kept.items():
        _create_index(connection, table, name, definition)


def remove_table(connection: Connection, table: str, states: Iterable[Any]) -> None:
    """Drop the table and its indexes if they are there."""
    _drop_indexes(connection, table, {name for state in states for name in state["indexes"]})
    connection.execute(f"DROP TABLE IF EXISTS {quote(table)}")


def _literal(value: Any) -> str:
    return "'" + str(value).replace("'", "''") + "'"


def _read_table(connection: Connection, table: str) -> _Table | None:
    rows = connection.execute(f"PRAGMA table_info({quote(table)})").fetchall()
    if not rows:
        return None
    types = {name: type_ for _, name, type_, *_ in rows}
    keys = [name for place, name in sorted((row[5], row[1]) for row in rows) if place > 0]
    numbered = len(keys) == 1 and types[keys[0]] == "INTEGER"
    if keys == [ROW_NUMBER]:
        keys = _unique_columns(connection, table)
    return _Table(
        [[name, types[name]] for name in keys],
        {name: type_ for name, type_ in types.items() if name not in {*keys, ROW_NUMBER}},
        numbered,
    )


def _unique_columns(connection: Connection, table: str) -> list[str]:
    for _, name, _, origin, *_ in connection.execute(f"PRAGMA index_list({quote(table)})"):
        if origin == "u":
            rows = connection.execute(f"PRAGMA index_info({quote(name)})").fetchall()
            return [row[2] for row in rows]
    return []


def _check_adoption(existing: _Table, current: Any, table: str) -> None:
    wanted = dict(current["value"])
    changed = [name for name, type_ in existing.value.items() if wanted.get(name, type_) != type_]
    if existing.key == current["key"] and not changed:
        return
    what = f"the columns {', '.join(changed)}" if changed else "its primary key"
    raise FlowConflict(
        f"There is a table {table!r} already that this flow has not made; it differs in {what}.",
        hint="Give the target another table_name, or drop the table.",
    )


def _create_table(connection: Connection, table: str, current: Mapping[str, Any]) -> None:
    key = [f"{quote(name)} {type_} NOT NULL" for name, type_ in current["key"]]
    names = ", ".join(quote(name) for name, _ in current["key"])
    constraint = f"PRIMARY KEY ({names})"
    number = []
    if current["indexes"] and [type_ for _, type_ in current["key"]] != ["INTEGER"]:
        number = [f"{quote(ROW_NUMBER)} INTEGER PRIMARY KEY"]
        constraint = f"UNIQUE ({names})"
    value = [f"{quote(name)} {type_}" for name, type_ in current["value"]]
    parts = ", ".join([*key, *value, *number, constraint])
    connection.execute(f"CREATE TABLE {quote(table)} ({parts})")


def _alter_columns(
    connection: Connection, table: str, existing: _Table, states: Sequence[Any], current: Any
) -> None:
    wanted = dict(current["value"])
    known = {name for state in states for name, _ in state["value"]}
    for name, type_ in existing.value.items():
        if wanted.get(name, type_) != type_ or (name in known and name not in wanted):
            connection.execute(f"ALTER TABLE {quote(table)} DROP COLUMN {quote(name)}")
    for name, type_ in wanted.items():
        if existing.value.get(name) != type_:
            connection.execute(f"ALTER TABLE {quote(table)} ADD COLUMN {quote(name)} {type_}")


def _rebuild(connection: Connection, table: str, current: Any) -> None:
    """Give the table a column with the row's number, which cannot be added in place."""
    old = f"{table}__old"
    names = ", ".join(quote(name) for name, _ in (*current["key"], *current["value"]))
    connection.execute(f"ALTER TABLE {quote(table)} RENAME TO {quote(old)}")
    _create_table(connection, table, current)
    connection.execute(
        f"INSERT INTO {quote(table)} ({names}) SELECT {names} FROM {quote(old)}"  # noqa: S608
    )
    connection.execute(f"DROP TABLE {quote(old)}")


def _drop_indexes(connection: Connection, table: str, names: Iterable[str]) -> None:
    for name in sorted(names):
        virtual = f"{table}__{name}"
        for event in ("insert", "update", "delete"):
            connection.execute(f"DROP TRIGGER IF EXISTS {quote(f'{virtual}_{event}')}")
        connection.execute(f"DROP TABLE IF EXISTS {quote(virtual)}")


def _create_index(
    connection: Connection, table: str, name: str, definition: Mapping[str, str]
) -> None:
    virtual = f"{table}__{name}"
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", [virtual]).fetchone()
    if found:
        return
    v, t, f = quote(virtual), quote(table), quote(definition["field"])
    if definition["module"] == "fts5":
        content = f"content={_literal(table)}, content_rowid='rowid'"
        using = f"fts5({f}, {content}{definition['options']})"
        insert = f"INSERT INTO {v} (rowid, {f}) VALUES (new.rowid, new.{f})"  # noqa: S608
        delete = f"INSERT INTO {v} ({v}, rowid, {f}) VALUES ('delete', old.rowid, old.{f})"  # noqa: S608
        fill = f"INSERT INTO {v} ({v}) VALUES ('rebuild')"  # noqa: S608
    else:
        # sqlite-vec reads no quotes here; names of fields need none.
        using = f"vec0({definition['field']} {definition['options']})"
        copy = f"INSERT INTO {v} (rowid, {f}) SELECT"
        insert = f"{copy} new.rowid, new.{f} WHERE new.{f} IS NOT NULL"
        delete = f"DELETE FROM {v} WHERE rowid = old.rowid"  # noqa: S608
        fill = f"{copy} rowid, {f} FROM {t} WHERE {f} IS NOT NULL"
    connection.execute(f"CREATE VIRTUAL TABLE {v} USING {using}")
    for event, body in {
        f"insert AFTER INSERT ON {t}": f"{insert};",
        f"delete AFTER DELETE ON {t}": f"{delete};",
        # Rows whose text or vector stays the same are left alone.
        f"update AFTER UPDATE OF {f} ON {t} WHEN old.{f} IS NOT new.{f}": f"{delete}; {insert};",
    }.items():
        what, _, when = event.partition(" ")
        trigger = quote(f"{virtual}_{what}")
        connection.execute(f"CREATE TRIGGER {trigger} {when} BEGIN {body} END")
    connection.execute(fill)
