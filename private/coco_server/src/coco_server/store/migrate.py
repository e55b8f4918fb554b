"""Schema migration with Alembic, and the check that a program can serve on the schema it finds."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import LiteralString

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from psycopg import sql
from psycopg.rows import TupleRow
from sqlalchemy import create_engine, pool

from coco_core.errors import DatabaseIncompatible, Unavailable
from coco_server.store.capacity import capacity_warnings
from coco_server.store.migration_effects import locked_tables
from coco_server.store.preflight import check_database, connect, require_roles

__all__ = [
    "RESTORING",
    "current_revision",
    "head_revision",
    "known_revisions",
    "migrate",
    "open_checked",
    "pending_scripts",
    "require_migrated",
    "script_config",
    "statements_of",
    "why_incompatible",
]

RESTORING = "restoring"
"""The revision of a database into which a backup is being restored."""

# Two programs that start at once must not both migrate; any number will do, so long as it stays.
_MIGRATION_LOCK = 4_242_001
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(%s)"

# A migration that waits for a query while others wait for the migration could wait in a circle; the
# database then ends one of them after a second (its deadlock_timeout). So all tables are locked
# before anything is done, within less than that, or let go and asked for again.
_LOCK_SECONDS = 0.7
_LOCK_TRIES = 60
_LOCK_PAUSE_SECONDS = 0.5


def migrate(url: str, *, to: str = "head") -> tuple[str | None, str]:
    """Bring the database at ``url`` to a schema; returns the revision before and after.

    A schema that is newer and serves this program too is left as it is.

    Raises:
        DatabaseIncompatible: an administrator must do something first, or the schema is too new for
            this program.
        Unavailable: the database cannot be reached, or long queries keep its tables.
    """
    with connect(url) as connection:
        # Locks of transactions, not of sessions: behind a pooler a session is shared.
        with connection.transaction():
            connection.execute(_LOCK, (_MIGRATION_LOCK,))
            require_roles(connection, create=True)
            check_database(connection)
        with connection.transaction():
            connection.execute(_LOCK, (_MIGRATION_LOCK,))
            before = current_revision(connection)
            if before is not None and before not in known_revisions():
                require_migrated(connection)
                return before, before
            _upgrade(url, to)
        after = current_revision(connection)
    assert after is not None
    return before, after


def pending_scripts(found: str | None, to: str = "head") -> list[Script]:
    """Return the migrations from a schema to another one, in their order; none from a newer one."""
    if found is not None and found not in known_revisions():
        return []
    scripts = ScriptDirectory.from_config(script_config())
    return [*scripts.iterate_revisions(to, found or "base")][::-1]


def statements_of(script: Script) -> str:
    """Return the SQL of a migration."""
    return Path(script.path).with_suffix(".sql").read_text(encoding="utf-8")


def _upgrade(url: str, to: str) -> None:
    pause = threading.Event()
    for tried in range(1, _LOCK_TRIES + 1):
        try:
            with _prepareless(url) as connection:
                _lock_tables(connection, to)
                _run(connection, to)
            return
        except psycopg.errors.LockNotAvailable as error:
            if tried == _LOCK_TRIES:
                raise Unavailable(
                    "The migration cannot lock a table: transactions keep it in use.",
                    hint="Nothing was changed. Look into pg_stat_activity for transactions that "
                    "have been open for minutes, end them, and run `coco-server migrate` again.",
                ) from error
            pause.wait(_LOCK_PAUSE_SECONDS)


def _lock_tables(connection: psycopg.Connection[TupleRow], to: str) -> None:
    """Lock what the migrations will change, all of it within the time that no query notices."""
    until = time.monotonic() + _LOCK_SECONDS
    steps = pending_scripts(current_revision(connection), to)
    names = {name for step in steps for name in locked_tables(statements_of(step))}
    for name in sorted(names):
        if not _has_table(connection, name):
            continue
        left = max(1, int((until - time.monotonic()) * 1000))
        connection.execute("SELECT set_config('lock_timeout', %s, true)", (f"{left}ms",))
        connection.execute(
            sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.Identifier(name))
        )
    limit = f"{int(_LOCK_SECONDS * 1000)}ms"
    connection.execute("SELECT set_config('lock_timeout', %s, true)", (limit,))


def _run(connection: psycopg.Connection[TupleRow], to: str) -> None:
    """Run the migrations in the transaction that the connection is in."""
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: connection, poolclass=pool.StaticPool
    )
    with engine.connect() as migrating:
        config = script_config()
        config.attributes["connection"] = migrating
        command.upgrade(config, to)
        migrating.commit()


def _prepareless(url: str) -> psycopg.Connection[TupleRow]:
    # No statement is repeated here, and behind a pooler none may be prepared.
    return psycopg.connect(url, prepare_threshold=None)


def require_migrated(connection: psycopg.Connection[TupleRow]) -> None:
    """Refuse a schema on which this program cannot serve.

    Raises:
        DatabaseIncompatible: it is older, or newer and no longer made for this program.
    """
    why = why_incompatible(connection)
    if why is not None:
        raise why


def why_incompatible(connection: psycopg.Connection[TupleRow]) -> DatabaseIncompatible | None:
    """Return what keeps this program from serving on the schema; None when it can serve.

    A newer schema serves an older program as long as migrations have only added to it, which
    the table ``schema_compatibility`` says.
    """
    found, head, known = current_revision(connection), head_revision(), known_revisions()
    if found == head:
        return None
    if found == RESTORING:
        return DatabaseIncompatible(
            "A backup is being restored into the database, or that was interrupted.",
            hint="Wait for `coco-server restore` to end, or run it again with --force.",
        )
    if found is None or found in known:
        return DatabaseIncompatible(
            f"The database has schema {found or 'none'}; this program needs {head}.",
            hint="Run `coco-server migrate`, or start with --migrate.",
        )
    oldest = _oldest_program(connection)
    if oldest is not None and oldest in known:
        return None
    return DatabaseIncompatible(
        f"The database has schema {found}, which needs a program that knows "
        f"{oldest or found}; this one knows up to {head}.",
        hint="A newer CoCo has migrated it: install that version here too.",
    )


def open_checked(url: str, *, migrate_first: bool = False) -> list[str]:
    """Make sure that server mode can start on a database; returns warnings.

    Raises:
        DatabaseIncompatible: it cannot; the hint says what mends it.
        Unavailable: the database cannot be reached.
    """
    if migrate_first:
        migrate(url)
    with connect(url) as connection:
        warnings = check_database(connection) + capacity_warnings(connection)
        require_migrated(connection)
    return warnings


def current_revision(connection: psycopg.Connection[TupleRow]) -> str | None:
    """Return the schema's revision; None when there is no schema yet."""
    if not _has_table(connection, "alembic_version"):
        return None
    found = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return str(found[0]) if found else None


def head_revision() -> str:
    """Return the newest revision that this program knows."""
    head = ScriptDirectory.from_config(script_config()).get_current_head()
    assert head is not None
    return head


def known_revisions() -> frozenset[str]:
    """Return all revisions that this program knows."""
    scripts = ScriptDirectory.from_config(script_config())
    return frozenset(each.revision for each in scripts.walk_revisions())


def _oldest_program(connection: psycopg.Connection[TupleRow]) -> str | None:
    if not _has_table(connection, "schema_compatibility"):
        return None
    found = connection.execute("SELECT oldest_program FROM public.schema_compatibility").fetchone()
    return str(found[0]) if found else None


def _has_table(connection: psycopg.Connection[TupleRow], name: str) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"public.{name}",)).fetchone()
    return bool(row and row[0])


def script_config() -> Config:
    """Return where Alembic finds the migrations."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    # A folder whose name holds a colon would otherwise be taken for two.
    config.set_main_option("path_separator", "newline")
    return config
