"""Migrations only add, unless they say otherwise; and what they lock is said before."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from coco_server.store import migrate as schema
from coco_server.store.migration_effects import Effect, contracting, effects
from coco_server.store.migration_plan import pending
from tests.postgres_server import running_postgres

VERSIONS = Path(schema.__file__).with_name("migrations") / "versions"

# The schema of the first release; later ones must leave it to the programs that know it.
FIRST = {"0001", "0002", "0003"}


@pytest.mark.parametrize("file", sorted(VERSIONS.glob("*.sql")), ids=lambda path: path.stem)
def test_a_migration_that_takes_away_says_so(file: Path) -> None:
    """Or the program of the version before fails on the new schema while it still serves."""
    found = contracting(file.read_text(encoding="utf-8"))
    if file.stem[:4] not in FIRST and found:
        assert "UPDATE schema_compatibility SET oldest_program" in file.read_text("utf-8"), found


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE memos;",
        "ALTER TABLE memos DROP COLUMN tags;",
        "ALTER TABLE memos RENAME TO notes;",
        "ALTER TABLE memos RENAME COLUMN tags TO labels;",
        "ALTER TABLE memos ALTER tags SET NOT NULL;",
        "ALTER TABLE memos ALTER COLUMN tags TYPE jsonb;",
        "ALTER TABLE memos ADD COLUMN a int, ADD COLUMN b text[] NOT NULL;",
    ],
)
def test_what_takes_away_is_recognized(statement: str) -> None:
    assert contracting(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE memos ADD COLUMN b text NOT NULL DEFAULT '';  -- DROP TABLE memos",
        "ALTER TABLE memos ADD COLUMN b text, ADD COLUMN c text[] NOT NULL DEFAULT '{}';",
        "CREATE TABLE notes (a text NOT NULL);",
        "ALTER FUNCTION f(bigint) RENAME TO g; CREATE FUNCTION f(bigint) RETURNS void AS $$ $$;",
        "CREATE FUNCTION f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN DROP TABLE x; END $$;",
    ],
)
def test_what_adds_is_allowed(statement: str) -> None:
    assert contracting(statement) == []


def test_locks_are_those_of_tables_that_have_rows() -> None:
    text = """
        CREATE TABLE notes (a text REFERENCES projects); CREATE INDEX n ON notes (a);
        ALTER TABLE jobs ADD COLUMN a text; CREATE INDEX j ON jobs (a);
        INSERT INTO notes (a) SELECT name FROM orgs;
    """
    assert list(effects(text)) == [
        Effect("jobs", "reads and writes wait", False),
        Effect("jobs", "writes wait", True),
        Effect("projects", "writes wait", False),
        Effect("orgs", "none", True),
    ]


def test_the_plan_is_what_the_migration_then_does() -> None:
    url = running_postgres().create_database("planned")
    schema.migrate(url, to="0003")
    plan = pending(url)
    assert next(each.revision for each in plan) == "0004"
    assert plan[-1].revision == schema.head_revision()
    assert not any(each.contracts for each in plan)
    with psycopg.connect(url) as connection:
        assert schema.current_revision(connection) == "0003"
    schema.migrate(url)
    assert pending(url) == []
