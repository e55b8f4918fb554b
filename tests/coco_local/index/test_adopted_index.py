"""Which of a project's indexes answers: adopted, kept over restarts and schemas, forgotten."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.errors import InvalidInput
from coco_protocol.docs import ImportRequest, QueryRequest, RankingBody, RetrievalBody
from coco_protocol.projects import ProjectRequest, RegisterRequest
from coco_protocol.system import PruneRequest
from tests.local_daemon import Bench, open_bench
from tests.sources import write_project
from tests.waiting import until

STATIC = IndexingConfig("static", embedding=EmbeddingConfig("coco-static"))
SMALL = IndexingConfig("small", ChunkingConfig("fixed_token", 32), STATIC.embedding)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_bench(tmp_path / "home", write_project(tmp_path / "shop")) as bench:
        yield bench


def test_adopted_values_fill_in_what_a_query_leaves_out(bench: Bench) -> None:
    adopted = RetrievalBody(top_k=2, ranking=RankingBody(profile="docs"))
    with pytest.raises(InvalidInput, match="could be named 'alone'"):
        bench.adopt(query_config_id="alone")
    body = bench.adopt(query_config_id="two", retrieval_config=adopted)
    assert (body.query_config_id, body.retrieval_config) == ("two", adopted)
    assert body.indexing_config_id == "default"

    meta, data = bench.ask("price of the items in the cart")
    assert (meta.query_config_id, len(data.results)) == ("two", 2)
    meta, data = bench.ask("price of the items in the cart", top_k=3, ranking={"profile": "code"})
    assert (meta.query_config_id, len(data.results)) == (None, 3)
    bench.restart()
    assert bench.ask("price of the items in the cart")[0].query_config_id == "two"

    bench.adopt(retrieval_config=RetrievalBody())
    body = bench.daemon.defaults(bench.project)
    assert (body.query_config_id, body.retrieval_config) == (None, None)


def test_an_adopted_index_answers_when_it_is_complete_and_the_old_one_stays(bench: Bench) -> None:
    bench.add_config(SMALL)
    bench.adopt(indexing_config_id="small")
    seen: list[str] = []

    def taken_over() -> bool:
        meta, data = bench.ask("apply_discount")
        seen.append(meta.indexing_config_id)
        assert data.results, "no moment without an index that answers"
        return meta.indexing_config_id == "small"

    until(taken_over)
    assert seen[-1] == "small"
    assert bench.daemon.defaults(bench.project).pending_indexing_config_id is None
    assert bench.active() == {"small": True, "default": False}
    assert bench.daemon.project(bench.project).config_id == "small"
    # Back at once: the old one was kept in step.
    body = bench.adopt(indexing_config_id="default")
    assert body.indexing_config_id == "default"
    bench.restart()
    assert bench.ask("cart")[0].indexing_config_id == "default"
    assert set(bench.indexes()) == {"default", "small"}


def test_an_adoption_that_waits_is_not_lost_by_a_restart(bench: Bench) -> None:
    bench.add_config(SMALL)
    bench.daemon._worker.stop(30.0)
    body = bench.adopt(indexing_config_id="small")
    assert (body.indexing_config_id, body.pending_indexing_config_id) == ("default", "small")
    assert bench.ask("apply_discount")[0].indexing_config_id == "default"
    bench.restart()
    until(lambda: bench.ask("apply_discount")[0].indexing_config_id == "small")
    assert bench.daemon.defaults(bench.project).pending_indexing_config_id is None


def test_forgetting_a_project_removes_all_its_indexes(bench: Bench) -> None:
    bench.build(STATIC)
    bench.build(SMALL)
    bench.adopt(query_config_id="q", retrieval_config=RetrievalBody(top_k=1))
    kept = bench.daemon.prune(PruneRequest(older_than_days=0, dry_run=False))
    assert (kept.indexes, kept.embeddings) == (0, 0)
    assert all(i.chunks for i in bench.indexes().values())

    bench.daemon.forget(bench.project)
    with closing(sqlite3.connect(bench.home / "coco.db")) as connection:
        for table in ("documents", "chunks", "indexes", "adopted", "projects"):
            (rows,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert rows == 0, table
    assert not list((bench.home / "lancedb").glob("*"))


def test_a_home_from_before_there_were_several_indexes_opens(bench: Bench) -> None:
    with bench.stopped() as path, closing(sqlite3.connect(path)) as connection:
        for table in ("indexes", "adopted", "apart_projects"):
            connection.execute(f"DROP TABLE {table}")
        connection.commit()
    bench.wait()
    assert bench.ask("apply_discount")[1].results
    bench.build(SMALL)
    bench.adopt(indexing_config_id="small")
    bench.restart()
    assert bench.active() == {"small": True, "default": False}


def test_another_schema_rebuilds_every_index_and_forgets_nothing_said(bench: Bench) -> None:
    bench.build(SMALL)
    adopted = RetrievalBody(top_k=1)
    bench.adopt(indexing_config_id="small", query_config_id="q", retrieval_config=adopted)
    until(lambda: bench.indexes()["small"].active)
    before = {name: i.chunks for name, i in bench.indexes().items()}
    with bench.stopped() as path, closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
        connection.commit()
    bench.wait()
    until(lambda: {name: i.chunks for name, i in bench.indexes().items()} == before)
    meta, data = bench.ask("apply_discount")
    assert (meta.indexing_config_id, meta.query_config_id) == ("small", "q")
    assert len(data.results) == 1


def test_a_project_whose_config_was_lost_goes_on_under_the_default(bench: Bench) -> None:
    bench.add_config(SMALL)
    with bench.stopped() as path, closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE projects SET config_id = 'gone'")
        connection.execute("INSERT INTO indexes VALUES (?, 'gone', 384, 0)", (bench.project_id,))
        connection.commit()
    bench.wait()
    assert bench.ask("apply_discount")[0].indexing_config_id == "default"
    assert list(bench.indexes()) == ["default"]


def test_a_project_apart_takes_nothing_from_the_one_around_it(bench: Bench) -> None:
    whole = bench.indexes()["default"].files
    inner = bench.root / "shop"
    made = bench.daemon.register(RegisterRequest(path=str(inner), standalone=True))
    standalone = ProjectRequest(project_id=made.project_id)
    until(lambda: bench.daemon.project(standalone).state == "ready")
    assert bench.daemon.project(standalone).standalone
    assert bench.indexes()["default"].files == whole
    assert bench.project_at(str(inner / "cart.py")) == bench.project_id
    assert bench.project_at(None) == bench.project_id
    answer = bench.daemon.query(QueryRequest(query="Cart", project_id=made.project_id))
    assert answer.data.results[0].chunk.doc_id == "cart.py"
    bench.restart()
    assert bench.daemon.project(standalone).standalone
    assert bench.indexes()["default"].files == whole

    # Registered like any other, it becomes one; the outer one keeps its files all the same.
    bench.daemon.register(RegisterRequest(path=str(inner)))
    assert bench.project_at(str(inner / "cart.py")) == made.project_id
    bench.restart()
    assert bench.indexes()["default"].files == whole


def test_an_import_under_another_config_builds_its_index_beside_the_first(bench: Bench) -> None:
    bench.add_config(SMALL)
    request = ImportRequest(paths=[str(bench.root)], indexing_config_id="small")
    data = bench.daemon.import_paths(request)
    assert data.project_ids == [bench.project_id]
    bench.wait()
    assert bench.active() == {"default": True, "small": False}
