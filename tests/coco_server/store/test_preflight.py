"""Server mode refuses a database that does not fit, each time with the sentence that mends it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from coco_core.errors import DatabaseIncompatible, InvalidConfig, Unavailable
from coco_server.dev.postgres import DevPostgres
from coco_server.store import defaults, projects
from coco_server.store import migrate as migrate_module
from coco_server.store.migrate import current_revision, head_revision, migrate, open_checked
from coco_server.store.preflight import refuse_embedded
from coco_server.store.session import Database
from tests.postgres_server import fresh_database, running_postgres

_numbers = itertools.count(1)


@pytest.fixture
def server() -> DevPostgres:
    return running_postgres()


@pytest.fixture
def bare(server: DevPostgres) -> Iterator[str]:
    """An empty database with the extension."""
    name = f"bare_{next(_numbers)}"
    yield server.create_database(name)
    server.drop_database(name)


def superuser(server: DevPostgres, url: str) -> psycopg.Connection[tuple[object, ...]]:
    name = url.rpartition("/")[2]
    return psycopg.connect(server.superuser_url(name), autocommit=True)


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///coco.db",
        "lancedb:///data",
        "/var/lib/coco.db",
        "postgresql://",
        "mysql://host/coco",
        "sqlite+aiosqlite://",
    ],
)
def test_embedded_stores_are_refused(url: str) -> None:
    with pytest.raises(InvalidConfig, match="COCO_META_DB") as refused:
        refuse_embedded(url)
    assert "postgresql://" in (refused.value.hint or "")


@pytest.mark.parametrize("url", [":memory:", "/var/lib/qdrant", "file:///qdrant"])
def test_an_embedded_qdrant_is_refused(url: str) -> None:
    with pytest.raises(InvalidConfig, match="Qdrant") as refused:
        refuse_embedded("postgresql://u@h/coco", url)
    assert "http://" in (refused.value.hint or "")


def test_servers_are_taken_and_passwords_are_not_shown() -> None:
    refuse_embedded("postgresql://u:p@h/coco", "https://qdrant:6333")
    refuse_embedded("postgresql+psycopg://u:p@h/coco")
    with pytest.raises(InvalidConfig) as refused:
        refuse_embedded("mysql://u:secret@h/coco")
    assert "secret" not in str(refused.value)


def test_a_missing_extension_names_the_statement(server: DevPostgres) -> None:
    url = server.create_database("without_extension", extension=False)
    with pytest.raises(DatabaseIncompatible, match="vector is missing") as refused:
        migrate(url)
    statement = "CREATE EXTENSION vector;"
    assert statement in (refused.value.hint or "")
    with superuser(server, url) as connection:
        connection.execute(statement)
    migrate(url)
    assert open_checked(url) == ["fsync is off: a power cut destroys this database."]


def test_an_old_pgvector_is_refused(server: DevPostgres, bare: str) -> None:
    migrate(bare)
    with superuser(server, bare) as connection:
        connection.execute("UPDATE pg_extension SET extversion = '0.7.4' WHERE extname = 'vector'")
    with pytest.raises(DatabaseIncompatible, match=r"pgvector 0\.7\.4 is too old") as refused:
        open_checked(bare)
    assert "ALTER EXTENSION vector UPDATE;" in (refused.value.hint or "")


def test_an_unmigrated_database_is_refused_unless_it_may_be_migrated(bare: str) -> None:
    with pytest.raises(DatabaseIncompatible, match="schema none") as refused:
        open_checked(bare)
    assert "coco-server migrate" in (refused.value.hint or "")
    open_checked(bare, migrate_first=True)
    open_checked(bare)


def newer_schema(url: str, oldest_program: str) -> None:
    """Migrate, and pretend that a newer program has done so once more."""
    migrate(url)
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.execute("UPDATE schema_compatibility SET oldest_program = %s", (oldest_program,))


def test_a_newer_schema_that_only_adds_is_served(bare: str) -> None:
    """While a rolling upgrade runs, a program of the version before may be started again."""
    newer_schema(bare, oldest_program=head_revision())
    open_checked(bare)
    assert migrate(bare) == ("9999", "9999")


def test_a_newer_schema_that_takes_away_is_refused(bare: str) -> None:
    newer_schema(bare, oldest_program="9998")
    for refusing in (open_checked, migrate):
        with pytest.raises(DatabaseIncompatible, match=r"9999, which needs a program .* 9998"):
            refusing(bare)


def test_a_migration_that_waits_for_a_query_changes_nothing(
    bare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(bare, to="0007")
    monkeypatch.setattr("coco_server.store.migrate._LOCK_SECONDS", 0.01)
    monkeypatch.setattr("coco_server.store.migrate._LOCK_TRIES", 2)
    monkeypatch.setattr("coco_server.store.migrate._LOCK_PAUSE_SECONDS", 0)
    with psycopg.connect(bare) as reader:
        reader.execute("SELECT count(*) FROM jobs")
        with pytest.raises(Unavailable, match="cannot lock a table"):
            migrate(bare)
    with psycopg.connect(bare) as connection:
        assert current_revision(connection) == "0007"
    assert migrate(bare) == ("0007", head_revision())


def test_a_user_without_the_roles_is_told_the_statements(server: DevPostgres, bare: str) -> None:
    name = bare.rpartition("/")[2]
    with superuser(server, bare) as connection:
        connection.execute("CREATE ROLE poor LOGIN PASSWORD 'poor'")
        connection.execute(f"ALTER DATABASE {name} OWNER TO poor")
        connection.execute("ALTER SCHEMA public OWNER TO poor")
        url = f"postgresql://poor:poor@127.0.0.1:{server.port}/{name}"
        told = []
        for _ in range(3):
            with pytest.raises(DatabaseIncompatible, match="may not act as the role") as refused:
                migrate(url)
            hint = refused.value.hint or ""
            told.append(hint)
            connection.execute(hint.partition(": ")[2])  # type: ignore[call-overload]  # as told
        migrate(url)
        open_checked(url)
        connection.execute("GRANT poor TO postgres")
    assert all('TO "poor" WITH INHERIT FALSE, SET TRUE' in hint for hint in told)


def test_a_server_that_is_not_there_is_told_without_the_password() -> None:
    with pytest.raises(Unavailable, match="cannot be reached") as refused:
        open_checked("postgresql://u:secret@127.0.0.1:1/coco")
    assert "secret" not in str(refused.value)


def test_a_database_of_an_older_program_keeps_what_it_holds(bare: str) -> None:
    _migrate_to("0001", bare)
    with pytest.raises(DatabaseIncompatible, match="has schema 0001"):
        open_checked(bare)
    with psycopg.connect(bare) as connection:
        connection.execute("SET ROLE coco_system")
        connection.execute("INSERT INTO orgs (org_id, name) VALUES ('o', 'O')")
        connection.execute(
            "INSERT INTO indexing_configs (org_id, config_id, body, dimension, fingerprint) "
            "VALUES ('o', 'default', '{}', 8, 'f')"
        )
        connection.execute(
            "INSERT INTO projects (project_id, org_id, source_ref, name, platform, "
            "active_config_id) VALUES ('p', 'o', 'kb:x', 'X', '', 'default')"
        )
    assert migrate(bare) == ("0001", head_revision())
    with Database(bare) as database, database.tenant("o") as session:
        project = projects.get(session, "p")
        assert (project.query_config_id, project.retrieval_config) == (None, None)
        assert defaults.adopt(session, "p", retrieval_config={"top_k": 3}).retrieval_config


def _migrate_to(revision: str, url: str) -> None:
    """Leave a database as the program of that revision did."""
    config = Config()
    config.set_main_option(
        "script_location", str(Path(migrate_module.__file__).parent / "migrations")
    )
    config.set_main_option("path_separator", "newline")
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()


def test_migrating_twice_or_at_once_changes_nothing(bare: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        befores = [before for before, _ in pool.map(migrate, [bare] * 4)]
    assert befores.count(None) == 1
    assert migrate(bare) == (head_revision(), head_revision())
    with psycopg.connect(bare) as connection:
        assert current_revision(connection) == head_revision()


def test_fresh_databases_are_migrated_and_apart() -> None:
    first, second = fresh_database(), fresh_database()
    assert first != second
    open_checked(first)
    open_checked(second)
