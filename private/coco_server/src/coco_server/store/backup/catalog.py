"""What a database holds, from PostgreSQL's catalog: the schema's tables and those of segments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from coco_core.errors import DatabaseIncompatible
from coco_server.store.session import Connection
from coco_server.store.tenant_tables import parents_first

__all__ = ["StoredTable", "columns", "definitions", "list_tables", "sequences"]

# Names of tables that a build makes end with the segment's number.
_NUMBERED = re.compile(r"(.+)_(\d+)")

# Of Alembic: the header names the revision, and the restore sets it last.
_NOT_COPIED = frozenset({"alembic_version"})

# Tables of extensions belong to their extension; what is unlogged is not worth keeping.
_TABLES = """
    SELECT relname AS name, relrowsecurity AS secured,
        EXISTS (
            SELECT FROM aclexplode(relacl) JOIN pg_roles ON pg_roles.oid = grantee
            WHERE rolname = 'coco_system' AND privilege_type = 'SELECT'
        ) AS readable,
        EXISTS (
            SELECT FROM pg_policy WHERE polrelid = class.oid AND polpermissive
            AND polcmd IN ('r', '*') AND pg_get_expr(polqual, polrelid) = 'true'
            AND 'coco_system'::regrole = ANY (polroles)
        ) AND NOT EXISTS (
            SELECT FROM pg_policy WHERE polrelid = class.oid AND NOT polpermissive
        ) AS complete,
        relpages > 0 AS used
    FROM pg_class AS class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relpersistence = 'p'
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND deptype = 'e')
    ORDER BY length(relname), relname
"""

_COLUMNS = """
    SELECT relname, array_agg(attname::text ORDER BY attnum)
    FROM pg_class AS class JOIN pg_attribute ON attrelid = class.oid
    WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s) AND attnum > 0
        AND NOT attisdropped AND attgenerated = '' GROUP BY relname
"""

_DEFINITION = """
    SELECT relname, jsonb_build_object(
        'columns', (
            SELECT jsonb_agg(jsonb_build_object(
                'name', attname, 'type', format_type(atttypid, atttypmod),
                'required', attnotnull, 'storage', attstorage, 'statistics', attstattarget,
                'default', pg_get_expr(adbin, adrelid)) ORDER BY attnum)
            FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
            WHERE attrelid = class.oid AND attnum > 0 AND NOT attisdropped),
        'constraints', (
            SELECT jsonb_agg(jsonb_build_array(conname, pg_get_constraintdef(oid))
                ORDER BY conname)
            FROM pg_constraint WHERE conrelid = class.oid AND contype IN ('p', 'u', 'c')),
        'indexes', (
            SELECT jsonb_agg(pg_get_indexdef(indexrelid) ORDER BY indexrelid)
            FROM pg_index WHERE indrelid = class.oid AND NOT EXISTS (
                SELECT FROM pg_constraint WHERE conindid = indexrelid)),
        'options', to_jsonb(reloptions),
        'secured', relrowsecurity, 'forced', relforcerowsecurity,
        'policies', (
            SELECT jsonb_agg(jsonb_build_object('name', policyname, 'command', cmd,
                'roles', roles, 'permissive', permissive, 'using', qual, 'check', with_check)
                ORDER BY policyname)
            FROM pg_policies WHERE schemaname = 'public' AND tablename = relname),
        'granted', relacl IS NOT NULL,
        'grants', (
            SELECT jsonb_agg(jsonb_build_array(
                CASE grantee WHEN relowner THEN 'owner' ELSE pg_get_userbyid(grantee) END,
                privilege_type) ORDER BY grantee, privilege_type)
            FROM aclexplode(relacl)))
    FROM pg_class AS class WHERE relnamespace = 'public'::regnamespace AND relname = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class StoredTable:
    """A table of the database."""

    name: str
    segment: bool
    """Whether a build made it, and not a migration."""
    secured: bool
    """Row-level security decides who sees its rows."""
    copied: bool
    """Its rows go into a backup; those of a build under way do not, it begins again."""


def list_tables(connection: Connection) -> list[StoredTable]:
    """Return the tables as the transaction's snapshot has them, each after those it refers to.

    Raises:
        DatabaseIncompatible: the role for backups would not see all rows of a table.
    """
    rows = connection.execute(_TABLES).fetchall()
    names = {row[0] for row in rows}
    found = {}
    for name, secured, readable, complete, used in rows:
        numbered = _NUMBERED.fullmatch(name)
        segment = numbered is not None and numbered[1] in names
        if name in _NOT_COPIED:
            continue
        # Patterns of segments' tables have neither readers nor rows; builds have no readers yet.
        copied = readable or not (secured or segment)
        if (copied and secured and not complete) or (not copied and not segment and used):
            raise _would_omit(name)
        found[name] = StoredTable(name, segment, secured, copied)
    order = parents_first(connection, (name for name, each in found.items() if not each.segment))
    return [*(found[name] for name in order), *(each for each in found.values() if each.segment)]


def _would_omit(name: str) -> DatabaseIncompatible:
    return DatabaseIncompatible(
        f"A backup would omit rows of the table {name!r}: the role coco_system does not see all.",
        hint=f"Let the table's owner run: CREATE POLICY everything ON {name} TO coco_system "
        f"USING (true); GRANT SELECT ON {name} TO coco_system.",
    )


def columns(connection: Connection, names: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of tables that are stored, in their order, by table."""
    return dict(connection.execute(_COLUMNS, (list(names),)).fetchall())


def definitions(connection: Connection, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return what makes tables the same again: columns, indexes, policies, grants; by table."""
    return dict(connection.execute(_DEFINITION, (list(names),)).fetchall())


def sequences(connection: Connection) -> dict[str, int]:
    """Return the last number of each sequence that was used."""
    rows = connection.execute(
        "SELECT sequencename, last_value FROM pg_sequences "
        "WHERE schemaname = 'public' AND last_value IS NOT NULL"
    ).fetchall()
    return dict(rows)
