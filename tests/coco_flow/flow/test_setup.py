"""Set-up and drop: plans first, then exactly what they say, and the same again does nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import coco_flow
from coco_flow import VectorIndexDef, VectorSimilarityMetric, op
from coco_flow.targets import SQLite
from tests.coco_flow.flow.doc_flow import doc_flow
from tests.flow_parts import MemorySource, MemoryTarget, flow_state, rows_of, table_of


@pytest.fixture(autouse=True)
def state(tmp_path: Path) -> Iterator[None]:
    with flow_state(tmp_path):
        rows_of("docs")["a"] = "one"
        yield


@op.function(behavior_version=1)
def embed(text: str) -> coco_flow.Vector[np.float32, Literal[3]]:
    return np.full(3, len(text), np.float32)


def _indexed_flow(path: Path, **index: Any) -> coco_flow.Flow:
    def define(builder: coco_flow.FlowBuilder, scope: coco_flow.DataScope) -> None:
        scope["docs"] = builder.add_source(MemorySource(name="docs"))
        out = scope.add_collector()
        with scope["docs"].row() as doc:
            doc["vector"] = doc["content"].transform(embed)
            out.collect(key=doc["filename"], text=doc["content"], vector=doc["vector"], size=3)
        out.export("t", SQLite(str(path), "t"), primary_key_fields=["key"], **index)

    return coco_flow.open_flow("Indexed", define)


def _tables(path: Path) -> set[str]:
    with closing(sqlite3.connect(path)) as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_schema")}


@pytest.mark.row("SET-2 describe/apply")
@pytest.mark.row("LC-12 dry-run plan")
def test_a_plan_says_what_it_would_do_and_does_nothing(tmp_path: Path) -> None:
    flow = doc_flow()
    bundle = coco_flow.make_setup_bundle([flow])
    for _ in range(2):
        text, up_to_date = bundle.describe()
        assert "[to create] memory table t" in text
        assert not up_to_date
    assert table_of("t").setups == []
    assert coco_flow.flow_names_with_setup() == []
    bundle.apply()
    text, up_to_date = bundle.describe()
    assert "[ready] memory table t" in text
    assert up_to_date
    assert len(table_of("t").setups) == 1
    drop = coco_flow.make_drop_bundle([flow])
    text, up_to_date = drop.describe()
    assert "[to delete] memory table t" in text
    assert not up_to_date
    assert coco_flow.flow_names_with_setup() == ["F"]


@pytest.mark.row("LC-2 setup idempotent")
@pytest.mark.row("SET-5 idempotency")
def test_the_second_time_nothing_is_done_and_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    flow = doc_flow()
    flow.setup(report_to_stdout=True)
    assert "[to create] memory table t" in capsys.readouterr().out
    flow.setup(report_to_stdout=True)
    printed = capsys.readouterr().out
    assert "Flow F: up to date" in printed
    assert "No setup changes to apply." in printed
    assert len(table_of("t").setups) == 1
    flow.drop(report_to_stdout=True)
    assert "[to delete] memory table t" in capsys.readouterr().out
    flow.drop(report_to_stdout=True)
    printed = capsys.readouterr().out
    assert "No setup changes to apply." in printed
    assert len(table_of("t").setups) == 2


@pytest.mark.row("SET-3 setup API")
@pytest.mark.row("SET-1 managed backends")
@pytest.mark.row("SET-4 drop API")
def test_set_up_makes_columns_and_indexes_and_drop_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "rows.db"
    flow = _indexed_flow(
        path,
        vector_indexes=[VectorIndexDef("vector", VectorSimilarityMetric.COSINE_SIMILARITY)],
        fts_indexes=[coco_flow.FtsIndexDef("text")],
    )
    assert not path.exists()
    for _ in range(2):
        flow.setup()
        assert coco_flow.flow_names_with_setup() == ["Indexed"]
        with closing(sqlite3.connect(path)) as connection:
            columns = {
                name: (kind, bool(required))
                for _, name, kind, required, _, _ in connection.execute("PRAGMA table_info(t)")
            }
        assert columns == {
            "key": ("TEXT", True), "text": ("TEXT", False), "vector": ("BLOB", False),
            "size": ("INTEGER", False), "_row": ("INTEGER", False),
        }  # fmt: skip
        assert {"t__vector__vec", "t__text__fts"} < _tables(path)
        assert not flow.update().has_errors
        with closing(sqlite3.connect(path)) as connection:
            (found,) = connection.execute(
                "SELECT t.key FROM t__text__fts f JOIN t ON t.rowid = f.rowid "
                "WHERE t__text__fts MATCH 'one'"
            ).fetchone()
        assert found == "a"
        flow.drop()
        assert not any(name.startswith("t") for name in _tables(path))
        assert coco_flow.flow_names_with_setup() == []
        assert flow.store.flow_id("Indexed") is None


@pytest.mark.row("OP-5 vector_index deprecated")
def test_the_old_form_of_a_vector_index_means_the_same(tmp_path: Path) -> None:
    metric = VectorSimilarityMetric.L2_DISTANCE
    new = _indexed_flow(tmp_path / "rows.db", vector_indexes=[VectorIndexDef("vector", metric)])
    new.setup()
    new.close()
    old = _indexed_flow(tmp_path / "rows.db", vector_index=[("vector", metric)])
    with pytest.warns(DeprecationWarning, match="vector_indexes=\\[VectorIndexDef"):
        _ = old.graph
    assert coco_flow.make_setup_bundle([old]).describe()[1], "the same set-up state"


@pytest.mark.row("SET-6 close versus drop")
def test_closing_leaves_the_table_and_dropping_does_not() -> None:
    flow = doc_flow()
    flow.setup()
    flow.update()
    flow.close()
    assert table_of("t").rows == {("a",): ("one",)}
    again = doc_flow()
    again.drop()
    assert table_of("t").rows == {}


@pytest.mark.row("SET-7 flows with setup")
@pytest.mark.row("NS-1 namespace prefix")
def test_flows_with_set_up_are_those_of_this_namespace(tmp_path: Path) -> None:
    url = str(tmp_path / "state.db")

    def use(namespace: str) -> None:
        for flow in coco_flow.flows().values():
            flow.close()
        database = coco_flow.DatabaseConnectionSpec(url=url)
        coco_flow.init(coco_flow.Settings(database=database, app_namespace=namespace))

    doc_flow(name="plain").setup()
    doc_flow(name="never_set_up")
    use("staging")
    for name in ("one", "two"):
        flow = doc_flow(name=name, target=MemoryTarget(name=name))
        assert flow.full_name == f"staging.{name}"
        flow.setup()
    assert coco_flow.flow_names_with_setup() == ["one", "two"]
    use("other")
    assert coco_flow.flow_names_with_setup() == []
    use("")
    assert coco_flow.flow_names_with_setup() == ["plain"]
    assert doc_flow(name="plain").full_name == "plain"


def test_a_target_that_cannot_be_dropped_may_be_ignored(tmp_path: Path) -> None:
    flow = doc_flow(target=SQLite(str(tmp_path / "rows.db"), "t"))
    flow.setup()
    (tmp_path / "rows.db").write_bytes(b"no database" * 1000)
    with pytest.raises(coco_flow.errors.FlowError, match=r"rows\.db failed"):
        flow.drop()
    assert coco_flow.flow_names_with_setup() == ["F"]
    coco_flow.setting.current_settings().ignore_target_drop_failures = True
    flow.drop()
    assert coco_flow.flow_names_with_setup() == []
