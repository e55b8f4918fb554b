"""A session sees its org's rows and no others, whatever its statements say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg import sql

from coco_core.errors import ConfigNotFound, JobNotFound, ProjectNotFound, Unauthorized
from coco_server.jobs import queue, rejections
from coco_server.store import configs, keys, memo_index, orgs, projects, rules, usage, versions
from coco_server.store.blobs import BlobInfo
from coco_server.store.session import Database, Scope
from coco_server.store.usage import Quotas
from tests.coco_server.tenants import Tenant, new_tenant

# They hold a revision, and no tenant's data.
PUBLIC_TABLES = {"alembic_version", "schema_compatibility"}

# Only the system's own sessions read them.
SYSTEM_TABLES = {"workers", "erasures"}


@pytest.fixture(scope="module")
def acme(database: Database) -> Tenant:
    """An org that has something in every table."""
    tenant = new_tenant(database, "Acme")
    tenant.activate(tenant.build({"a.md": "the secret recipe of acme"}))
    unfinished = tenant.begin_merge()
    tenant.fill(unfinished, {"a.md": "a merge under way"})
    with database.system() as session:
        keys.create(session, tenant.org_id, "key", ["query"])
    with database.tenant(tenant.org_id) as session:
        rules.register(session, "rule", BlobInfo("o/r.wasm", 1, "0"))
        orgs.remember_user(session, "u")
        usage.count(session, Quotas(), queries=1)
        job = queue.enqueue(session, project_id=tenant.project_id, kind="import", payload={})
        rejections.add(
            session, job.job_id, [rejections.StoredRejection(0, "nan", "not a number", None)]
        )
        for statement in (
            "INSERT INTO sessions VALUES ('s', %(org)s, %(project)s, 'u', 't', now(), %(later)s)",
            "INSERT INTO memos (memo_id, org_id, project_id, user_id, content) "
            "VALUES ('m', %(org)s, %(project)s, 'u', 'a note')",
            "INSERT INTO rate_limits VALUES (%(org)s, %(project)s, 'query', 1)",
            "INSERT INTO allowed_chunks VALUES (%(org)s, %(project)s, 1, 'user:u', NULL, '')",
            "INSERT INTO audit_log (event_id, org_id, actor, action, outcome) "
            "VALUES ('aud_1', %(org)s, 'admin', 'key.create', 'done')",
        ):
            session.connection.execute(
                statement,
                {
                    "org": tenant.org_id,
                    "project": tenant.project_id,
                    "later": datetime.now(UTC) + timedelta(days=1),
                },
            )
    memo_index.index_all(database)
    return tenant


@pytest.fixture(scope="module")
def other(database: Database) -> Tenant:
    return new_tenant(database, "Other")


def tables(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind IN ('r', 'p', 'v', 'm')"
        ).fetchall()
    return sorted(name for (name,) in found if name not in PUBLIC_TABLES)


def visible(connection: psycopg.Connection[tuple[object, ...]], table: str) -> int:
    """Rows that a session sees; none where it may not even look."""
    try:
        with connection.transaction():
            row = connection.execute(
                sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
            ).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        return 0
    assert row is not None
    return int(str(row[0]))


def sessions(url: str, org_id: str) -> Iterator[tuple[str, psycopg.Connection[tuple[object, ...]]]]:
    """Every way to come in without a right to see ``org_id``'s rows."""
    for role in ("none", "coco_app", "coco_load"):
        for setting in (None, "", "org_other", org_id.upper()):
            with psycopg.connect(url) as connection:
                connection.execute("SELECT set_config('role', %s, false)", (role,))
                if setting is not None:
                    connection.execute("SELECT set_config('coco.org_id', %s, false)", (setting,))
                yield f"{role}, org {setting!r}", connection
    with psycopg.connect(url) as connection:
        connection.execute("SELECT set_config('coco.org_id', %s, false)", (org_id,))
        yield "the owner with the org's setting", connection


# Its batches of terms are read by whoever builds the version: numbers, and nothing of a text.
ONLY_WHILE_BUILDING = "term_batches_"


def test_a_session_without_the_tenant_sees_nothing(acme: Tenant) -> None:
    names = tables(acme.database.url)
    assert {"source_chunks_1", "source_chunks_2", "jobs", "memos"} <= set(names)
    for how, connection in sessions(acme.database.url, acme.org_id):
        for name in names:
            if name.startswith(ONLY_WHILE_BUILDING) and how.startswith("coco_load"):
                continue
            assert visible(connection, name) == 0, f"{name} as {how}"


def test_the_tenant_itself_sees_every_table(acme: Tenant) -> None:
    """Or the test above would prove nothing."""
    patterns = {"source_chunks", "chunk_vectors", "postings", "chunk_names", "term_batches"}
    with acme.database.tenant(acme.org_id) as session:
        empty = {
            name
            for name in tables(acme.database.url)
            if not visible(session.connection, name) and not name.endswith("_2")
        }
    # No chunk of the fixture defines a name.
    assert empty - patterns - SYSTEM_TABLES <= {"chunk_names_1"}


def test_every_table_has_forced_row_level_security_but_those_of_a_build(acme: Tenant) -> None:
    with psycopg.connect(acme.database.url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind = 'r' AND NOT (relrowsecurity AND relforcerowsecurity)"
        ).fetchall()
    open_tables = {name for (name,) in found} - PUBLIC_TABLES
    assert open_tables == {
        f"{name}_2"
        for name in ("source_chunks", "chunk_vectors", "postings", "chunk_names", "term_batches")
    }


def test_another_org_s_ids_open_nothing(acme: Tenant, other: Tenant) -> None:
    with acme.database.tenant(acme.org_id) as session:
        job = queue.list_of(session, acme.project_id)[0]
        version = versions.active(session, acme.project_id)
    assert version is not None
    with other.database.tenant(other.org_id) as session:
        with pytest.raises(ProjectNotFound):
            projects.get(session, acme.project_id)
        with pytest.raises(ProjectNotFound):
            versions.list_of(session, acme.project_id)
        with pytest.raises(ProjectNotFound):
            versions.create(session, acme.project_id, "default")
        with pytest.raises(JobNotFound):
            queue.request_cancel(session, acme.project_id, job.job_id)
        with pytest.raises(ConfigNotFound):
            configs.get(session, "of acme")
        assert versions.active(session, acme.project_id) is None


def test_another_org_s_rows_cannot_be_written(acme: Tenant, other: Tenant) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), other.session() as session:
        session.connection.execute(
            "INSERT INTO users (org_id, user_id) VALUES (%s, 'intruder')", (acme.org_id,)
        )
    with other.database.tenant(other.org_id) as session:
        changed = session.connection.execute("UPDATE projects SET name = 'mine'").rowcount
        assert changed == 1  # its own


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT coco_open_version(99, %s, 8)",
        "SELECT coco_seal_version(1, %s, 8, false)",
        "SELECT coco_drop_version(1, %s)",
    ],
)
def test_another_orgs_versions_stay_as_they_are(
    acme: Tenant, other: Tenant, statement: str
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), other.session() as session:
        session.connection.execute(statement, (acme.org_id,))  # type: ignore[call-overload]


def test_settings_end_with_the_transaction(acme: Tenant) -> None:
    with acme.database.tenant(acme.org_id) as session:
        connection = session.connection
    # It lies in the pool now, as the transaction left it.
    row = connection.execute(
        "SELECT current_setting('role'), current_setting('coco.org_id', true), "
        "(SELECT count(*) FROM projects)"
    ).fetchone()
    assert row is not None
    assert row[0] == "none"
    assert not row[1]
    assert row[2] == 0


def test_an_empty_scope_is_no_scope(database: Database) -> None:
    with pytest.raises(Unauthorized), database.tenant(""):
        pass
    for parts in (("", "u", "p"), ("o", "", "p"), ("o", "u", "")):
        with pytest.raises(Unauthorized):
            Scope(*parts)
