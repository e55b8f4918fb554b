"""Restore: verifies an archive, then writes it into an empty database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from psycopg import sql

from coco_core.errors import DatabaseIncompatible, InvalidInput
from coco_server.store.backup.archive import ArchiveReader, Member
from coco_server.store.backup.dump import Progress
from coco_server.store.backup.resume import resume_jobs
from coco_server.store.backup.segment_table import create_table, finish_table
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import RESTORING, head_revision, known_revisions, migrate
from coco_server.store.preflight import connect
from coco_server.store.session import Connection

__all__ = ["Restored", "check_archive", "restore"]

# Tables dropped in one transaction: each takes locks for itself, its indexes and its TOAST table.
_DROPPED_AT_ONCE = 100

_OWN_TABLES = """
    SELECT relname FROM pg_class AS class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = class.oid AND deptype = 'e')
    ORDER BY relname ~ '_[0-9]+$' DESC, relname
"""

_OWN_FUNCTIONS = """
    SELECT oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND proname LIKE 'coco\\_%'
"""


@dataclass(slots=True)
class Restored:
    """What was restored."""

    revision: str
    """Of the schema, after the migration that followed."""
    created_at: float
    """When the backup was taken."""
    rows: dict[str, int] = field(default_factory=dict)
    blobs: int = 0
    missing_blobs: list[str] = field(default_factory=list)
    """They were gone when the backup was taken."""
    requeued_jobs: int = 0
    """They ran, or had begun, when the backup was taken."""
    vectors: str = "pgvector"


def check_archive(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read all of an archive; returns its header and its manifest.

    Raises:
        InvalidInput: it is no complete backup.
        DatabaseIncompatible: a newer program has written it.
    """
    header, manifest = ArchiveReader(path).verify()
    if header["revision"] not in known_revisions():
        raise DatabaseIncompatible(
            f"The backup has schema {header['revision']}; this program knows up to "
            f"{head_revision()}.",
            hint=f"Install CoCo {header['program']} or newer, and restore with that.",
        )
    return header, manifest


def restore(
    url: str,
    path: Path,
    *,
    blobs: BlobStore | None = None,
    force: bool = False,
    progress: Progress = lambda *_: None,
) -> Restored:
    """Write a backup into an empty database, and its blobs into ``blobs``.

    Until it is complete, no program serves on the database. ``force`` first removes what CoCo has
    in it.

    Raises:
        InvalidInput: the file is no complete backup, or the database is not empty.
        DatabaseIncompatible: an administrator must do something first.
        Unavailable: the database or the blob store cannot be used.
    """
    header, manifest = check_archive(path)
    with connect(url) as connection:
        _empty(connection, force)
        migrate(url, to=header["revision"])
        connection.execute("UPDATE alembic_version SET version_num = %s", (RESTORING,))
        connection.execute("SET statement_timeout = 0")
        done = Restored(header["revision"], header["created_at"], vectors=header["vectors"])
        done.missing_blobs = manifest["missing_blobs"]
        _load(connection, ArchiveReader(path), done, blobs, progress)
        if done.rows != manifest["rows"]:
            raise DatabaseIncompatible(
                f"The backup counts the rows {manifest['rows']}, and {done.rows} were restored.",
                hint="Restore again with --force; report it if it fails again.",
            )
        with connection.transaction():
            for name, number in manifest["sequences"].items():
                connection.execute("SELECT setval(%s::regclass, %s)", (f"public.{name}", number))
            done.requeued_jobs = resume_jobs(connection)
            connection.execute("UPDATE alembic_version SET version_num = %s", (header["revision"],))
    done.revision = migrate(url)[1]
    return done


def _empty(connection: Connection, force: bool) -> None:
    tables = [row[0] for row in connection.execute(_OWN_TABLES).fetchall()]
    if tables and not force and not _is_unused(connection, tables):
        raise InvalidInput(
            f"The database {connection.info.dbname!r} is not empty: it has {len(tables)} tables.",
            hint="Name an empty database in COCO_META_DB; or add --force, which removes all that "
            "CoCo has in this one.",
        )
    for begin in range(0, len(tables), _DROPPED_AT_ONCE):
        names = map(sql.Identifier, tables[begin : begin + _DROPPED_AT_ONCE])
        connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.SQL(", ").join(names)))
    for (signature,) in connection.execute(_OWN_FUNCTIONS).fetchall():
        connection.execute(sql.SQL("DROP FUNCTION {} CASCADE").format(sql.SQL(signature)))


def _is_unused(connection: Connection, tables: list[str]) -> bool:
    """Whether there is a schema without any org, as `coco-server migrate` leaves it."""
    if "orgs" not in tables:
        return False
    with connection.transaction():
        connection.execute("SET LOCAL ROLE coco_system")
        row = connection.execute("SELECT NOT EXISTS (SELECT FROM orgs)").fetchone()
    return bool(row and row[0])


def _load(
    connection: Connection,
    reader: ArchiveReader,
    done: Restored,
    blobs: BlobStore | None,
    progress: Progress,
) -> None:
    """Write tables and blobs in the archive's order; the schema's own tables in one transaction."""
    with ExitStack() as own_tables:
        # They refer to each other, in a circle too, which is checked at the transaction's end.
        own_tables.enter_context(connection.transaction())
        secured = own_tables.enter_context(_owner_writes(connection))
        for (kind, name), members in groupby(reader.members(), key=_group):
            if kind == "tables":
                table = next(members).json()
                if table["made"] is None:
                    if table["secured"]:
                        secured(table["name"])
                    _load_table(connection, table, members, done, progress)  # noqa: B031
                    continue
                own_tables.close()
                with connection.transaction():
                    _load_segment(connection, table, members, done, progress)  # noqa: B031
            elif kind == "blobs" and blobs is not None:
                own_tables.close()
                blobs.put_again(name, (each.data for each in members))
                done.blobs += 1
                progress(name, 0, 0)


def _group(member: Member) -> tuple[str, str]:
    """Return to what a member belongs: a table or a blob, and its name."""
    kind, _, rest = member.name.partition("/")
    parts = rest.split("/")
    return kind, parts[0] if kind == "tables" else "/".join(parts[:2])


def _load_table(
    connection: Connection,
    table: dict[str, Any],
    members: Iterator[Member],
    done: Restored,
    progress: Progress,
) -> None:
    name = table["name"]
    first = next(members, None)
    if first is None:
        return
    # What a migration has put there is in the backup too.
    connection.execute(sql.SQL("DELETE FROM public.{}").format(sql.Identifier(name)))
    done.rows[name] = _copy_rows(connection, name, table["columns"], first, members)
    progress(name, done.rows[name], 0)


def _load_segment(
    connection: Connection,
    table: dict[str, Any],
    members: Iterator[Member],
    done: Restored,
    progress: Progress,
) -> None:
    name = table["name"]
    create_table(connection, name, table["made"])
    first = next(members, None)
    rows = 0
    if first is not None:
        rows = _copy_rows(connection, name, table["columns"], first, members)
        kind = name.rstrip("0123456789").rstrip("_")
        done.rows[kind] = done.rows.get(kind, 0) + rows
    finish_table(connection, name, table["made"], rows)
    progress(name, rows, 0)


def _copy_rows(
    connection: Connection, name: str, columns: list[str], first: Member, rest: Iterator[Member]
) -> int:
    statement = sql.SQL("COPY public.{} ({}) FROM STDIN (FORMAT BINARY)").format(
        sql.Identifier(name), sql.SQL(", ").join(map(sql.Identifier, columns))
    )
    with connection.cursor() as cursor:
        with cursor.copy(statement) as copy:
            copy.write(first.data)
            for member in rest:
                copy.write(member.data)
        return cursor.rowcount


@contextmanager
def _owner_writes(connection: Connection) -> Iterator[Callable[[str], None]]:
    """Yield what lets the owner write a table, until the block ends.

    PostgreSQL refuses COPY to those to whom policies apply.
    """
    names: list[str] = []

    def allow(name: str) -> None:
        names.append(name)
        connection.execute(
            sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(sql.Identifier(name))
        )

    yield allow
    # A table whose references are still to be checked cannot be changed.
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for name in names:
        connection.execute(
            sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(sql.Identifier(name))
        )
