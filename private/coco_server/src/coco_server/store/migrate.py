"""Schema migration with Alembic, and the check that the schema is current."""

from __future__ import annotations

from pathlib import Path
from typing import LiteralString

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from psycopg.rows import TupleRow
from sqlalchemy import create_engine, pool

from coco_core.errors import DatabaseIncompatible
from coco_server.store.preflight import check_database, connect, require_roles

__all__ = ["current_revision", "head_revision", "migrate", "open_checked", "require_migrated"]

# Two programs that start at once must not both migrate; any number will do, so long as it stays.
_MIGRATION_LOCK = 4_242_001
_LOCK: LiteralString = "SELECT pg_advisory_xact_lock(%s)"


def migrate(url: str) -> tuple[str | None, str]:
    """Bring the database at ``url`` to the newest schema; returns the revision before and after.

    Raises:
        DatabaseIncompatible: an administrator must do something first, or the schema is newer than
            this program.
        Unavailable: the database cannot be reached.
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
            _refuse_newer(before)
            _upgrade(url)
    return before, head_revision()


def _upgrade(url: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: _prepareless(url),
                           poolclass=pool.NullPool)  # fmt: skip
    with engine.begin() as migrating:
        config = _config()
        config.attributes["connection"] = migrating
        command.upgrade(config, "head")
    engine.dispose()


def _prepareless(url: str) -> psycopg.Connection[TupleRow]:
    # No statement is repeated here, and behind a pooler none may be prepared.
    return psycopg.connect(url, prepare_threshold=None)


def require_migrated(connection: psycopg.Connection[TupleRow]) -> None:
    """Refuse a schema that is not the one this program was written for.

    Raises:
        DatabaseIncompatible: it is older or newer.
    """
    found = current_revision(connection)
    _refuse_newer(found)
    if found != head_revision():
        raise DatabaseIncompatible(
            f"The database {connection.info.dbname!r} has schema {found or 'none'}; "
            f"this program needs {head_revision()}.",
            hint="Run `coco-server migrate`, or start with --migrate.",
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
        warnings = check_database(connection)
        require_migrated(connection)
    return warnings


def current_revision(connection: psycopg.Connection[TupleRow]) -> str | None:
    """Return the schema's revision; None when there is no schema yet."""
    row = connection.execute("SELECT to_regclass('public.alembic_version') IS NULL").fetchone()
    if row is None or row[0]:
        return None
    found = connection.execute("SELECT version_num FROM public.alembic_version").fetchone()
    return str(found[0]) if found else None


def head_revision() -> str:
    """Return the revision that this program needs."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None
    return head


def _refuse_newer(found: str | None) -> None:
    known = {each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise DatabaseIncompatible(
            f"The database has schema {found}, which this program does not know.",
            hint="A newer CoCo has migrated it: install that version here too.",
        )


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    # A folder whose name holds a colon would otherwise be taken for two.
    config.set_main_option("path_separator", "newline")
    return config
