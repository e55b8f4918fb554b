"""Several indexes of one project: built from each other, asked by name, removed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.errors import ConfigNotFound, Conflict, InvalidConfig, Unavailable
from coco_protocol.docs import IndexRequest
from tests.daemon_process import free_port
from tests.local_daemon import Answer, Bench, open_bench, register_server
from tests.sources import write_project
from tests.waiting import until

STATIC = IndexingConfig("static", embedding=EmbeddingConfig("coco-static"))
SMALL = IndexingConfig("small", ChunkingConfig("fixed_token", 32), STATIC.embedding)
WINDOW = IndexingConfig("window", embedding=EmbeddingConfig(max_tokens=256))
TWIN = IndexingConfig("twin")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_bench(tmp_path / "home", write_project(tmp_path / "shop")) as bench:
        yield bench


def shown(answer: Answer) -> list[tuple[str, int | None, str]]:
    """Return where the hits stand, and what they say."""
    return [(h.chunk.doc_id, h.chunk.start_line, h.chunk.content) for h in answer[1].results]


def test_an_index_of_the_same_chunks_copies_them_and_embeds_by_its_own_model(bench: Bench) -> None:
    job = bench.build(STATIC)
    indexes = bench.indexes()
    assert job.state == "succeeded"
    assert job.counts["copied"] == indexes["static"].files > 0
    assert job.counts["parsed"] == 0
    assert job.counts["embedded"] == indexes["static"].chunks == indexes["default"].chunks
    assert indexes["static"].embedded == indexes["static"].chunks
    assert [i.active for i in indexes.values()] == [True, False]
    assert indexes["static"].index_bytes > 0

    words = "call again with growing delay"
    assert shown(bench.ask(words, "static", retrieval_mode="fts")) == shown(
        bench.ask(words, retrieval_mode="fts")
    )
    meta, data = bench.ask(words, "static")
    assert (meta.indexing_config_id, meta.tier, meta.status) == ("static", "transformer", "fresh")
    assert meta.notice is None
    hit = data.results[0].chunk
    assert (hit.symbol, hit.fragment) == ("retry_with_backoff", "retry_with_backoff")
    assert hit.definitions == ["retry_with_backoff"]


def test_other_chunks_are_parsed_and_the_next_index_of_them_copies(bench: Bench) -> None:
    parsed = bench.build(SMALL)
    assert parsed.counts["copied"] == 0
    assert parsed.counts["parsed"] == bench.indexes()["small"].files
    again = IndexingConfig("small-too", SMALL.chunking, EmbeddingConfig("coco-static", 64))
    copied = bench.build(again)
    assert (copied.counts["parsed"], copied.counts["copied"]) == (0, parsed.counts["parsed"])
    # Sizes are the model's own tokens; the static table has MiniLM's word pieces.
    minilm = IndexingConfig("small-minilm", SMALL.chunking)
    assert bench.build(minilm).counts["parsed"] == 0


def test_a_rebuild_copies_nothing(bench: Bench) -> None:
    bench.build(STATIC)
    for config_id in ("default", "static"):
        request = IndexRequest(rebuild=True, indexing_config_id=config_id)
        counts = bench.finished(request).counts
        assert (counts["parsed"], counts["copied"]) == (bench.indexes()[config_id].files, 0)


def test_vectors_of_an_index_that_comes_back_are_not_computed_again(bench: Bench) -> None:
    first = bench.build(STATIC)
    directory = bench.home / "lancedb" / f"{bench.project_id}-{STATIC.fingerprint}"
    until(directory.exists)
    assert bench.drop_index("static") == ["default"]
    assert not directory.exists()
    with pytest.raises(ConfigNotFound, match="has no index under 'static'"):
        bench.ask("cart", "static")
    again = bench.build(STATIC)
    assert (again.counts["embedded"], again.counts["reused"]) == (0, first.counts["embedded"])


def test_every_index_follows_the_files_and_survives_a_restart(bench: Bench) -> None:
    bench.build(STATIC)
    bench.build(SMALL)
    (bench.root / "shop" / "zebra.py").write_text("def zebra_crossing():\n    return 1\n")
    for name in (None, "static", "small"):
        meta, data = bench.ask("zebra_crossing", name)
        assert data.results[0].chunk.doc_id == "shop/zebra.py"
        assert meta.status == "fresh"
    bench.wait()
    before = {name: (i.files, i.chunks, i.embedded) for name, i in bench.indexes().items()}
    bench.restart()
    (bench.root / "shop" / "zebra.py").unlink()
    for name in (None, "static", "small"):
        _, data = bench.ask("zebra_crossing", name)
        assert "shop/zebra.py" not in {hit.chunk.doc_id for hit in data.results}
    assert bench.indexes().keys() == before.keys()
    for name, index in bench.indexes().items():
        assert index.files == before[name][0] - 1


def test_configs_of_equal_content_name_one_index(bench: Bench) -> None:
    job = bench.build(TWIN)
    assert (job.counts["parsed"], job.counts["copied"]) == (0, 0)
    assert bench.ask("cart", "twin")[0].indexing_config_id == "twin"
    body = bench.adopt(indexing_config_id="twin")
    assert (body.indexing_config_id, body.pending_indexing_config_id) == ("twin", None)
    assert bench.drop_index("default")[0] == "twin"
    assert bench.ask("cart")[1].results


def test_what_does_not_exist_is_refused_with_what_does(bench: Bench) -> None:
    with pytest.raises(InvalidConfig, match="no model 'nonsense'"):
        bench.add_config(IndexingConfig("bad", embedding=EmbeddingConfig("nonsense")))
    with pytest.raises(InvalidConfig, match="max_tokens is 5000"):
        bench.add_config(IndexingConfig("bad", embedding=EmbeddingConfig(max_tokens=5000)))
    with pytest.raises(ConfigNotFound, match="There is no indexing config 'bad'"):
        bench.finished(IndexRequest(indexing_config_id="bad"))
    bench.add_config(SMALL)
    with pytest.raises(ConfigNotFound) as raised:
        bench.ask("cart", "small")
    assert "coco index --config small" in (raised.value.hint or "")
    with pytest.raises(Conflict, match="is the active index"):
        bench.drop_index("default")
    assert list(bench.indexes()) == ["default"]


def test_a_window_of_a_missing_model_says_so_and_answers_as_the_first_one(bench: Bench) -> None:
    job = bench.build(WINDOW)
    assert (job.state, job.counts["embedded"]) == ("succeeded", 0)
    assert "coco setup" in (bench.indexes()["window"].notice or "")
    assert bench.indexes()["window"].error is None
    until(lambda: bench.ask("how much to pay", "window")[0].tier == "static")
    meta, _ = bench.ask("how much to pay", "window")
    assert (meta.vector_coverage, meta.tier) == (0.0, "static")
    assert "coco setup" in (meta.notice or "")


def test_a_server_that_is_down_is_named_and_words_go_on(tmp_path: Path) -> None:
    home = tmp_path / "home"
    register_server(home, f"http://127.0.0.1:{free_port()}/v1", "far", 8)
    with open_bench(home, write_project(tmp_path / "shop")) as bench:
        bench.build(IndexingConfig("far", embedding=EmbeddingConfig("far")))
        until(lambda: "'far'" in (bench.indexes()["far"].notice or ""))
        meta, data = bench.ask("retry_with_backoff", "far")
        assert (meta.tier, data.results[0].chunk.symbol) == ("keyword", "retry_with_backoff")
        assert "'far' of this index is missing" in (meta.notice or "")
        with pytest.raises(Unavailable) as raised:
            bench.ask("delay", "far", retrieval_mode="vector")
        assert "'far'" in (raised.value.hint or "")
        assert "coco setup" in (bench.ask("delay")[0].notice or "")
