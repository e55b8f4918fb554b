"""SQL commands attached to the Postgres target."""

from __future__ import annotations

from typing import Any

import pytest

from coco_flow.errors import FlowError
from coco_flow.ports import Compatibility
from coco_flow.targets import Postgres, PostgresSqlCommand
from tests.coco_flow.targets.postgres.tables import columns, indexes
from tests.coco_flow.targets.rows import Target, export_schema


@pytest.mark.row("VP-5 SQL command")
@pytest.mark.row("ST-4 attachment lifecycle")
def test_an_attachment_runs_once_and_its_saved_tear_down_at_removal(
    database: Any, connection: Any
) -> None:
    connection.execute("CREATE TABLE journal (entry text)")

    def command(entry: str) -> PostgresSqlCommand:
        return PostgresSqlCommand(
            name="index",
            setup_sql=f"INSERT INTO journal VALUES ('up {entry}'); "
            "CREATE INDEX IF NOT EXISTS noted_text ON noted (text)",
            teardown_sql=f"INSERT INTO journal VALUES ('down {entry}'); "
            "DROP INDEX IF EXISTS noted_text",
        )

    def journal() -> list[str]:
        return [row[0] for row in connection.execute("SELECT entry FROM journal").fetchall()]

    def schema(*attachments: PostgresSqlCommand) -> Any:
        return export_schema({"n": int}, {"text": str}, attachments=attachments)

    target = Target(Postgres(database, "noted"), schema(command("1")))
    target.set_up()
    target.set_up()
    assert journal() == ["up 1"]
    assert "noted_text" in indexes(connection, "noted")
    assert target.set_up(schema=schema(command("2"))) is Compatibility.COMPATIBLE
    assert journal() == ["up 1", "up 2"]
    target.set_up(schema=schema())
    assert journal() == ["up 1", "up 2", "down 2"]
    assert "noted_text" not in indexes(connection, "noted")
    target.set_up(schema=schema(command("3")))
    target.drop()
    assert journal() == ["up 1", "up 2", "down 2", "up 3", "down 3"]


def test_a_table_that_is_recreated_gets_its_attachments_again(
    database: Any, connection: Any
) -> None:
    command = PostgresSqlCommand(
        "view", "CREATE OR REPLACE VIEW seen AS SELECT * FROM base", "DROP VIEW IF EXISTS seen"
    )
    target = Target(
        Postgres(database, "base"), export_schema({"n": int}, {"a": str}, attachments=[command])
    )
    target.set_up()
    changed = export_schema({"m": str}, {"a": str}, attachments=[command])
    assert target.set_up(schema=changed) is Compatibility.NOT_COMPATIBLE
    assert set(columns(connection, "seen")) == {"m", "a"}
    connection.execute("DROP TABLE base CASCADE")
    target.set_up()
    assert set(columns(connection, "seen")) == {"m", "a"}


def test_a_failing_attachment_says_which_target(database: Any) -> None:
    command = PostgresSqlCommand("bad", "SELECT * FROM nowhere")
    schema = export_schema({"n": int}, {}, attachments=[command])
    with pytest.raises(FlowError, match=r"Postgres table failing .*nowhere"):
        Target(Postgres(database, "failing"), schema).set_up()
