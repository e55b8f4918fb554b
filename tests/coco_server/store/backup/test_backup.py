"""A backup restored into an empty database holds the same rows, answers, rights and jobs."""

from __future__ import annotations

import gzip
import itertools
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from coco_core.errors import DatabaseIncompatible, InvalidInput, Unavailable
from coco_server.jobs import queue
from coco_server.store import keys, retention
from coco_server.store.backup import dump as dumping
from coco_server.store.backup.dump import dump
from coco_server.store.backup.load import check_archive, restore
from coco_server.store.blobs import BlobStore
from coco_server.store.migrate import migrate, open_checked
from coco_server.store.session import Database
from coco_server.store.versions import Version
from tests.coco_server.tenants import Tenant, new_tenant
from tests.postgres_server import fresh_database, running_postgres

_names = itertools.count(1)

# These belong to a moment, or are written by a restore.
PASSING = {"alembic_version", "rate_limits", "workers"}


def empty_database() -> str:
    return running_postgres().create_database(f"restored_{next(_names)}")


def contents(url: str) -> dict[str, set[str]]:
    """Every row of every table, as text, whatever policies say."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace "
            "AND relkind = 'r'"
        ).fetchall()
        found = {}
        for (name,) in names:
            if name in PASSING:
                continue
            table = sql.Identifier(name)
            # Rolled back with the connection; the owner may always allow it to itself.
            connection.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table))
            connection.execute(sql.SQL("GRANT SELECT ON {} TO CURRENT_USER").format(table))
            rows = connection.execute(sql.SQL("SELECT t::text FROM {} AS t").format(table))
            found[name] = {row[0] for row in rows.fetchall()}
        connection.rollback()
    return found


def shape(url: str) -> set[tuple[object, ...]]:
    """Indexes, policies, rights and storage of every table."""
    with psycopg.connect(url) as connection:
        rows: list[tuple[object, ...]] = []
        for statement in (
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
            "SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies",
            "SELECT relname, relrowsecurity, relforcerowsecurity, relacl::text FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
            "SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), "
            "attnotnull, attstorage::text, attstattarget "
            "FROM pg_attribute JOIN pg_class ON oid = attrelid "
            "WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND attnum > 0",
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) "
            "FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'",
        ):
            rows += connection.execute(statement).fetchall()
    return set(rows)


@pytest.fixture
def url() -> str:
    return fresh_database()


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    with Database(url, most=4) as opened:
        yield opened


@pytest.fixture
def acme(database: Database) -> Tenant:
    return new_tenant(database, "Acme")


@pytest.fixture
def active(acme: Tenant) -> Version:
    return acme.activate(acme.build({f"d{number}": f"text {number}" for number in range(40)}))


def test_all_rows_come_back(url: str, acme: Tenant, active: Version, tmp_path: Path) -> None:
    other = new_tenant(acme.database, "Beta")
    other.activate(other.build({"x": "one"}))
    with acme.database.system() as session:
        key = keys.create(session, acme.org_id, "ci", ["query"])
    done = dump(url, tmp_path / "b")
    assert done.rows["orgs"] == 2
    assert done.rows["source_chunks"] == 41
    assert (tmp_path / "b").stat().st_mode & 0o777 == 0o600
    target = empty_database()
    back = restore(target, tmp_path / "b")
    assert back.rows == done.rows
    assert contents(target) == contents(url)
    assert shape(target) == shape(url)
    with Database(target, most=2) as restored:
        with restored.system() as session:
            found = keys.verify(session, key.text)
            assert found is not None and found.org_id == acme.org_id
        # New versions get numbers that no old table has.
        with restored.tenant(acme.org_id) as session:
            moved = Tenant(restored, acme.org_id, acme.project_id)
        fresh = moved.activate(moved.build({"new": "another"}))
        assert fresh.version_no > active.version_no
    assert open_checked(target) is not None


def test_a_build_under_way_begins_again(
    url: str, acme: Tenant, active: Version, tmp_path: Path
) -> None:
    begun = acme.begin()
    with acme.session() as session:
        job = queue.enqueue(
            session,
            project_id=acme.project_id,
            kind="ingest",
            payload={"blob_ref": "b"},
            version_id=begun.version_id,
        )
    with acme.database.system() as session:
        held = queue.claim(session, "w")
    assert held is not None and held.job_id == job.job_id
    acme.fill(begun, {"half": "written"})
    with acme.session() as session:
        queue.progress(session, held, done=1, checkpoint={"items": 1})
    dump(url, tmp_path / "b")
    target = empty_database()
    assert restore(target, tmp_path / "b").requeued_jobs == 1
    with Database(target, most=2) as restored:
        moved = Tenant(restored, acme.org_id, acme.project_id)
        with restored.system() as session:
            again = queue.claim(session, "w2")
        assert again is not None
        assert (again.job_id, again.attempt, again.done, again.checkpoint) == (job.job_id, 1, 0, {})
        assert again.fence > held.fence
        now = moved.version(begun)
        assert (now.status, now.chunk_count, now.document_count) == ("BUILDING", 0, 0)
        moved.fill(now, {"half": "written", "rest": "written too"})
        assert moved.seal(now).chunk_count == 2
        assert moved.active() == active.version_id


def test_versions_that_change_meanwhile_are_whole(
    url: str, acme: Tenant, active: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While a backup reads, versions are switched and removed; it shows the moment it began."""
    before = contents(url)
    removed: list[bool] = []
    real = dumping._copy_tables

    def meddle(*given: object) -> None:
        if not removed:
            newer = acme.activate(acme.build({"later": "after the backup began"}))
            assert newer.version_no != active.version_no
            old = retention.RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)
            removed.append(bool(retention.prune(acme.database, old)))
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(dumping, "_copy_tables", meddle)
    dump(url, tmp_path / "b")
    assert removed == [False], "a table was dropped under the backup"
    target = empty_database()
    restore(target, tmp_path / "b")
    assert contents(target) == before
    policy = retention.RetentionPolicy(keep_versions=0, keep_hours=0, soak_seconds=0)
    assert [each.version_id for each in retention.prune(acme.database, policy)] == [
        active.version_id
    ]


def test_every_function_that_drops_waits_for_backups(url: str) -> None:
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace "
            "AND prosrc ~* 'drop\\s+table\\s+if\\s+exists'"
        ).fetchall()
    assert found
    assert [name for name, source in found if "coco_refuse_during_backup" not in source] == []


@pytest.mark.parametrize(
    "statement",
    [
        "DROP POLICY everything ON memos",
        "ALTER POLICY everything ON memos USING (org_id = 'org_1')",
        "CREATE POLICY less ON memos AS RESTRICTIVE TO coco_system USING (false)",
        "REVOKE SELECT ON memos FROM coco_system",
    ],
)
def test_rows_that_would_be_hidden_are_an_error(
    url: str, acme: Tenant, tmp_path: Path, statement: str
) -> None:
    """With --enable-row-security, pg_dump by the owner writes none of these rows, and no error."""
    with acme.session() as session:
        session.connection.execute(
            "INSERT INTO memos (memo_id, org_id, project_id, user_id, content) "
            "VALUES ('m', %s, %s, 'u', 'x')",
            (acme.org_id, acme.project_id),
        )
    with psycopg.connect(url) as connection:
        connection.execute(statement)  # type: ignore[call-overload]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM memos")
    with pytest.raises(DatabaseIncompatible, match="would omit rows of the table 'memos'"):
        dump(url, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_missing_chunks_are_an_error(
    url: str, acme: Tenant, active: Version, tmp_path: Path
) -> None:
    table = sql.Identifier(f"source_chunks_{active.version_no}")
    with psycopg.connect(url) as connection:
        connection.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(table))
        connection.execute(sql.SQL("DELETE FROM {} WHERE chunk_key = 3").format(table))
        connection.execute(sql.SQL("ALTER TABLE {} FORCE ROW LEVEL SECURITY").format(table))
    with pytest.raises(DatabaseIncompatible, match="counts 40 chunks, and 39 are visible"):
        dump(url, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_backup_leaves_nothing(
    url: str, active: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dumping, "_require_all_chunks", fail)
    with pytest.raises(KeyboardInterrupt):
        dump(url, tmp_path / "b")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_cut_or_changed_is_refused(
    url: str, active: Version, tmp_path: Path
) -> None:
    dump(url, tmp_path / "b")
    whole = (tmp_path / "b").read_bytes()
    plain = gzip.decompress(whole)
    target = empty_database()
    at = plain.index(b"text 7")
    end = plain.index(b"manifest.json")
    for number, damaged in enumerate(
        [
            whole[: len(whole) // 2],
            whole[:-1],
            b"",
            b"no archive",
            gzip.compress(plain[:at] + b"text 8" + plain[at + 6 :]),
            gzip.compress(plain[:end]),
        ]
    ):
        file = tmp_path / str(number)
        file.write_bytes(damaged)
        with pytest.raises(InvalidInput, match="is no complete backup"):
            restore(target, file)
    assert contents(target) == {}


def test_only_an_empty_database_is_written(
    url: str, acme: Tenant, active: Version, tmp_path: Path
) -> None:
    dump(url, tmp_path / "b")
    before = contents(url)
    acme.activate(acme.build({"later": "gone after the restore"}))
    with pytest.raises(InvalidInput, match="is not empty"):
        restore(url, tmp_path / "b")
    restore(url, tmp_path / "b", force=True)
    assert contents(url) == before
    migrated = empty_database()
    migrate(migrated)
    restore(migrated, tmp_path / "b")
    assert contents(migrated) == before


def test_nothing_serves_on_half_a_restore(
    url: str, active: Version, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dump(url, tmp_path / "b")
    target = empty_database()

    def stop(name: str, *_: object) -> None:
        if name.startswith("source_chunks_"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(target, tmp_path / "b", progress=stop)
    with pytest.raises(DatabaseIncompatible, match="is being restored"):
        open_checked(target)
    with pytest.raises(DatabaseIncompatible, match="is being restored"):
        migrate(target)
    restore(target, tmp_path / "b", force=True)
    assert contents(target) == contents(url)


def test_blobs_travel_in_pieces(url: str, acme: Tenant, tmp_path: Path) -> None:
    old, new = (BlobStore((tmp_path / name).as_uri()) for name in ("old", "new"))
    large = bytes(range(256)) * 40_000
    refs = {
        old.put_bytes(acme.org_id, kind, body).ref: body
        for kind, body in (("ndjson", large), ("wasm", b"rule"), ("json", b""))
    }
    done = dump(url, tmp_path / "b", blobs=old)
    assert (done.blobs, done.blob_bytes) == (3, len(large) + 4)
    assert restore(empty_database(), tmp_path / "b", blobs=new).blobs == 3
    for ref, body in refs.items():
        with new.open(acme.org_id, ref) as file:
            assert file.read() == body


def test_a_backup_of_a_newer_program_names_it(
    url: str, acme: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dumping, "current_revision", lambda _: "9999")
    dump(url, tmp_path / "b")
    with pytest.raises(DatabaseIncompatible, match="schema 9999"):
        check_archive(tmp_path / "b")


def test_two_backups_at_once_take_turns(url: str, active: Version, tmp_path: Path) -> None:
    threads = [
        threading.Thread(target=dump, args=(url, tmp_path / name)) for name in ("one", "two")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {each.name for each in tmp_path.iterdir()} == {"one", "two"}


def test_a_folder_that_cannot_be_written(url: str, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot be written"):
        dump(url, tmp_path / "none" / "b")
    (tmp_path / "there").touch()
    with pytest.raises(InvalidInput, match="exists already"):
        dump(url, tmp_path / "there")
