"""Several writers of one table, and a database that is lost between two writes."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from coco_core.errors import Unavailable
from coco_flow.models import Reference, TableWriter, execute_model_sync, model
from coco_flow.models.database import Database
from tests.coco_flow.models.written_rows import KEY, ROWS, as_mappings, stored
from tests.model_parts import contents, fill, open_database, row_class


@pytest.fixture
def parts(database: Database) -> Any:
    return row_class("parts", key=KEY, text=str, size=int)


def test_two_writers_wait_for_each_other(database: Database, parts: Any) -> None:
    TableWriter(db_model=parts).write(as_mappings(ROWS[:1]))
    waits, ends = threading.Event(), threading.Event()

    def hold() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("UPDATE parts SET text = 'held'")
            waits.set()
            assert ends.wait(30)

    def write() -> None:
        TableWriter(db_model=parts, write_strategy="merge").write(as_mappings(ROWS))

    holder, writer = threading.Thread(target=hold), threading.Thread(target=write)
    holder.start()
    assert waits.wait(30)
    writer.start()
    ends.set()
    writer.join(30)
    holder.join(30)
    assert stored(database) == ROWS


def test_a_database_that_is_lost_in_the_midst_is_said_to_be(
    tmp_path: Path, own_models: None
) -> None:
    with open_database("postgres", tmp_path) as database:
        fill(database, "CREATE TABLE documents (id TEXT)", [{"id": "a"}])

        @model("m.out", row_class("out", text=str))
        def out(ctx: Any, writer: Any, documents: Any = Reference("documents")) -> None:
            writer.write({"document_id": "a"})
            with database.engine.connect() as connection:
                connection.exec_driver_sql(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            writer.write({"document_id": "b"})

        with pytest.raises(Unavailable, match="cannot be used: "):
            execute_model_sync(out)
        assert contents(database, "out") == []


def test_many_writers_at_once(database: Database, parts: Any) -> None:
    """Eight threads create the table and write it at the same time."""
    failures: list[BaseException] = []
    ready = threading.Barrier(8)

    def write(number: int) -> None:
        try:
            ready.wait(30)
            for turn in range(3):
                rows = as_mappings([(f"d{number}", turn, "x")])
                TableWriter(db_model=parts, write_strategy="merge").write(rows)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert len(stored(database)) == 24
