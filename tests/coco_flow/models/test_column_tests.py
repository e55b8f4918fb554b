"""Tests of a model's table after a run, and snapshots of counts and nulls."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from coco_flow.errors import DefinitionError
from coco_flow.models import (
    ColumnTest,
    ModelContext,
    Reference,
    accepted_values,
    check,
    execute_model_sync,
    listening,
    model,
    not_null,
    relationships,
    sql,
    unique,
)
from coco_flow.models.database import Database
from coco_flow.models.snapshots import snapshots_of
from tests.model_parts import contents, fill, row_class

ROWS: list[dict[str, Any]] = [
    {"document_id": "a", "parent": None, "kind": "x", "size": 1},
    {"document_id": "b", "parent": "a", "kind": "x", "size": 2},
    {"document_id": "c", "parent": "a", "kind": None, "size": 2},
    {"document_id": "d", "parent": "none", "kind": "z", "size": None},
]


@pytest.fixture
def documents(database: Database) -> Database:
    fill(database, "CREATE TABLE documents (id TEXT)", [{"id": row["document_id"]} for row in ROWS])
    fill(database, "CREATE TABLE kinds (kind TEXT)", [{"kind": "x"}], "kinds")
    return database


def run(*tests: ColumnTest, rows: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Declare a model with tests and run it."""
    given = ROWS if rows is None else rows

    @model("m.out", row_class("out", parent=str, kind=str, size=int), tests=tests)
    def out(documents: Any = Reference("documents")) -> Any:
        return given

    return execute_model_sync(out)


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (not_null("kind"), "1 row breaks not_null(kind) of table 'out': 'c'"),
        (not_null("kind", "size"), "2 rows break not_null(kind, size) of table 'out': 'c', 'd'"),
        (unique("size"), "1 row breaks unique(size) of table 'out': 2"),
        (unique("parent", "size"), "1 row breaks unique(parent, size) of table 'out': ('a', 2)"),
        (accepted_values("kind", ["x", "y"]), "1 row breaks accepted_values(kind) of table 'out': "
         "'z'"),
        (accepted_values("size", []), "2 rows break accepted_values(size) of table 'out': 1, 2"),
        (relationships("parent", "m.out", "document_id"),
         "1 row breaks relationships(parent → m.out.document_id) of table 'out': 'none'"),
        (relationships("kind", "kinds", "kind"),
         "1 row breaks relationships(kind → kinds.kind) of table 'out': 'z'"),
        (sql("small", "SELECT document_id, size FROM out WHERE size < 2"),
         "1 row breaks small of table 'out': ('a', 1)"),
        (check(lambda df: df[df["size"] > 1][["document_id"]], name="large"),
         "2 rows break large of table 'out': {'document_id': 'b'}, {'document_id': 'c'}"),
        (check(lambda df: False, name="never"),
         "1 row breaks never of table 'out': the function returned False"),
        (check(lambda df: (df["size"] < 2).all(), name="all"),
         "1 row breaks all of table 'out': the function returned False"),
        (check(lambda df: ["wrong"], name="list"), "1 row breaks list of table 'out': wrong"),
    ],
    ids=lambda one: one.name if isinstance(one, ColumnTest) else "",
)  # fmt: skip
def test_each_kind_of_test(documents: Database, test: ColumnTest, sentence: str) -> None:
    result = run(test)
    # The order of examples is the database's, so only the letters are compared.
    assert sorted(result["test_error"].removeprefix("m.out: ")) == sorted(sentence)
    assert result["tests"] == {"passed": 0, "total": 1}
    # The rows are in the table: they are there to be looked at.
    assert len(contents(documents, "out", "document_id")) == 4


@pytest.mark.parametrize(
    "test",
    [
        not_null("document_id"),
        unique("document_id"),
        unique("parent", "kind"),
        accepted_values("kind", {"x", "z"}),
        relationships("document_id", "out", "document_id"),
        sql("none", "SELECT 1 WHERE 1 = 0"),
        check(lambda df: True, name="true"),
        check(lambda df: None, name="none"),
        check(lambda df: df[df["size"] > 5], name="empty"),
        check(lambda df: df["size"].max() == 2, name="numpy"),
        check(lambda df: [], name="list"),
    ],
    ids=lambda one: one.name,
)
def test_a_rule_that_holds(documents: Database, test: ColumnTest) -> None:
    result = run(test)
    assert result["tests"] == {"passed": 1, "total": 1}
    assert "test_error" not in result


def test_a_warning_does_not_let_the_model_fail(documents: Database) -> None:
    events = []
    with listening(lambda run, event: events.append((event.level, event.message))):
        result = run(not_null("kind", severity="warn"), unique("size"))
    assert result["tests"] == {"passed": 0, "total": 2}
    assert result["test_error"] == "m.out: 1 row breaks unique(size) of table 'out': 2"
    assert ("warning", "1 row breaks not_null(kind) of table 'out': 'c'") in events
    assert ("error", "1 row breaks unique(size) of table 'out': 2") in events


def test_a_message_has_five_examples(database: Database) -> None:
    fill(database, "CREATE TABLE documents (id TEXT)", [{"id": name} for name in "abcdefgh"])
    rows = [{"document_id": name, "kind": None} for name in "abcdefgh"]
    error = run(not_null("kind"), rows=rows)["test_error"]
    assert error.startswith("m.out: 8 rows break not_null(kind) of table 'out': ")
    assert error.endswith(", …")
    assert error.count("'") == 2 + 2 * 5


def test_what_tests_found_is_recorded(documents: Database) -> None:
    # Two tests may have one name.
    run(
        accepted_values("kind", ["x"]), accepted_values("kind", ["x", "z"], "warn"),
        not_null("kind"), check(lambda df: True), check(lambda df: False),
    )  # fmt: skip
    columns = ("test", "severity", "failures", "examples", "model")
    assert sorted(contents(documents, "coco_model_tests", *columns)) == [
        ("<lambda>", "error", 0, [], "m.out"),
        ("<lambda> #2", "error", 1, ["the function returned False"], "m.out"),
        ("accepted_values(kind)", "error", 1, ["'z'"], "m.out"),
        ("accepted_values(kind) #2", "warn", 0, [], "m.out"),
        ("not_null(kind)", "error", 1, ["'c'"], "m.out"),
    ]


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (sql("broken", "SELEC 1"), "the test broken cannot run: "),
        (sql("missing", "SELECT * FROM nowhere"), "the test missing cannot run: "),
        (sql("bound", "SELECT :x"), "the test bound cannot run: "),
        (relationships("kind", "nowhere", "id"), "no model or table of that name"),
        (relationships("kind", "kinds", "nothing"), "has no column 'nothing'; it has kind"),
    ],
    ids=lambda one: one.name if isinstance(one, ColumnTest) else "",
)
def test_a_test_that_cannot_run_says_so(documents: Database, test: ColumnTest, words: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        run(test)
    assert words in caught.value.message


def test_an_unknown_severity_is_refused() -> None:
    with pytest.raises(DefinitionError, match="severity of not_null\\(a\\) is 'fatal'"):
        not_null("a", severity="fatal")  # type: ignore[arg-type]


def test_tests_run_on_an_empty_table(documents: Database) -> None:
    frames: list[pd.DataFrame] = []
    tests = [
        not_null("kind"), unique("size"), accepted_values("kind", ["x"]),
        relationships("parent", "m.out", "document_id"), check(frames.append, name="frame"),
    ]  # fmt: skip
    assert run(*tests, rows=[])["tests"] == {"passed": 5, "total": 5}
    assert len(frames[0]) == 0
    assert list(frames[0].columns) == list(contents_columns(documents))


def contents_columns(database: Database) -> list[str]:
    return list(database.table("out").c.keys())


def test_a_snapshot_has_counts_and_shares_of_nulls(documents: Database) -> None:
    @model("m.out", row_class("out", kind=str), tests=[])
    def out(ctx: ModelContext, documents: Any = Reference("documents")) -> Any:
        return ctx.metadata["rows"]

    for rows in ([], ROWS[:1], ROWS[:3]):
        given = [{name: row[name] for name in ("document_id", "kind")} for row in rows]
        execute_model_sync(out, ModelContext(workflow_id="wf", metadata={"rows": given}))
    newest, middle, oldest = snapshots_of(documents, "m.out")
    assert [one["rows"] for one in (newest, middle, oldest)] == [3, 1, 0]
    assert newest["nulls"]["kind"] == 0.3333
    assert newest["nulls"]["error"] == 1
    assert newest["nulls"]["document_id"] == newest["nulls"]["workflow_id"] == 0
    assert set(oldest["nulls"].values()) == {0}
    assert newest["run"].startswith("wf")
    assert snapshots_of(documents, "m.out", limit=1) == [newest]
    assert snapshots_of(documents, "m.other") == []
