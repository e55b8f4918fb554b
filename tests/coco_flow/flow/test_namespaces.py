"""Several deployments on one database, kept apart by the namespace; settings of the environment."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import coco_flow
from coco_flow.targets import SQLite
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import flow_state, rows_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        rows_of("docs")["a"] = "one"
        yield


def _use(tmp_path: Path, namespace: str) -> coco_flow.Flow:
    """Be the application in another namespace: its flow, whose table has no name of its own."""
    for flow in coco_flow.flows().values():
        flow.close()
    database = coco_flow.DatabaseConnectionSpec(url=str(tmp_path / "state.db"))
    coco_flow.init(coco_flow.Settings(database=database, app_namespace=namespace))
    return doc_flow(name="Shop", target=SQLite(str(tmp_path / "rows.db")))


def _tables(tmp_path: Path) -> dict[str, list[Any]]:
    with closing(sqlite3.connect(tmp_path / "rows.db")) as connection:
        query = "SELECT name FROM sqlite_schema WHERE type = 'table'"
        names = [name for (name,) in connection.execute(query)]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


@pytest.mark.row("LC-1 names")
@pytest.mark.row("LC-16 full name")
@pytest.mark.row("NS-1 namespace prefix")
def test_the_full_name_has_the_namespace_before_it(tmp_path: Path) -> None:
    flow = _use(tmp_path, "Staging")
    assert (flow.name, flow.full_name) == ("Shop", "Staging.Shop")
    flow = _use(tmp_path, "")
    assert (flow.name, flow.full_name) == ("Shop", "Shop")


@pytest.mark.row("OV-5 namespace isolation")
@pytest.mark.row("NS-3 isolation")
@pytest.mark.row("NS-4 default target names")
@pytest.mark.row("NS-5 no migration")
def test_dropping_one_deployment_leaves_the_other_alone(tmp_path: Path) -> None:
    for namespace in ("dev", "prod"):
        flow = _use(tmp_path, namespace)
        flow.setup()
        assert flow.update().stats == {"docs": {"num_insertions": 1}}, "a namespace starts empty"
    assert _tables(tmp_path) == {"dev__Shop__t": [("a", "one")], "prod__Shop__t": [("a", "one")]}
    _use(tmp_path, "dev").drop()
    assert _tables(tmp_path) == {"prod__Shop__t": [("a", "one")]}
    prod = _use(tmp_path, "prod")
    assert coco_flow.flow_names_with_setup() == ["Shop"]
    assert prod.update().stats == {"docs": {"num_no_change": 1}}
    plain = _use(tmp_path, "")
    assert coco_flow.flow_names_with_setup() == []
    plain.setup()
    plain.update()
    assert set(_tables(tmp_path)) == {"prod__Shop__t", "Shop__t"}


@pytest.mark.row("QRY-3 target default name")
@pytest.mark.parametrize("namespace", ["", "staging"])
def test_the_default_name_is_that_of_the_table_that_set_up_made(
    tmp_path: Path, namespace: str
) -> None:
    flow = _use(tmp_path, namespace)
    flow.setup()
    assert list(_tables(tmp_path)) == [coco_flow.get_target_default_name(flow, "t")]


@pytest.mark.row("OV-5 namespace helper")
def test_users_name_their_own_resources_after_the_namespace(tmp_path: Path) -> None:
    _use(tmp_path, "")
    assert coco_flow.get_app_namespace(trailing_delimiter="__") == ""
    _use(tmp_path, "staging")
    assert coco_flow.get_app_namespace(trailing_delimiter="__") == "staging__"
    assert coco_flow.get_app_namespace() == "staging"


@pytest.mark.row("OV-6 environment settings")
@pytest.mark.row("OV-6 explicit init")
@pytest.mark.row("DB-5/DB-6")
def test_the_environment_is_enough_and_init_wins_over_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco_flow.stop()
    monkeypatch.setenv("COCO_FLOW_DATABASE_URL", str(tmp_path / "environment.db"))
    monkeypatch.setenv("COCO_FLOW_APP_NAMESPACE", "surroundings")
    flow = doc_flow(name="Shop", target=SQLite(str(tmp_path / "rows.db")))
    flow.setup()
    flow.update()
    assert (tmp_path / "environment.db").exists()
    assert list(_tables(tmp_path)) == ["surroundings__Shop__t"]
    flow = _use(tmp_path, "given")
    flow.setup()
    assert flow.full_name == "given.Shop"
    assert flow.store.url.endswith("state.db")
    assert "given__Shop__t" in _tables(tmp_path)


@pytest.mark.row("CFG-4 no database")
@pytest.mark.row("DB-5/DB-6")
def test_without_a_database_the_state_is_a_file_that_evaluation_does_not_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    coco_flow.stop()
    monkeypatch.delenv("COCO_FLOW_DATABASE_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    flow = doc_flow(name="Shop")
    options = coco_flow.EvaluateAndDumpOptions(output_dir="dumped")
    assert flow.evaluate_and_dump(options).stats == {"docs": {"num_insertions": 1}}
    assert [path.name for path in tmp_path.iterdir()] == ["dumped"]
    # The file cannot be made: what to do is part of the message.
    (tmp_path / ".coco_flow").write_text("in the way", encoding="utf-8")
    with pytest.raises(coco_flow.errors.StateBroken, match="COCO_FLOW_DATABASE_URL"):
        flow.update()
    (tmp_path / ".coco_flow").unlink()
    flow.setup()
    flow.update()
    assert (tmp_path / ".coco_flow" / "state.db").exists()
