"""Indexes under models of one's own: each is embedded and asked by its own, and by no other's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.static import StaticEmbedder
from coco_local.index.project import ProjectIndex
from coco_local.indexing.embedding_queue import EmbeddingQueue, Priority
from coco_local.indexing.file_indexer import FileIndexer
from coco_local.models.index_models import IndexModel
from coco_local.monitoring.activity import Activity
from coco_local.scan import ProjectScan
from coco_local.settings import load_settings
from coco_local.source.reader import SourceReader
from coco_local.store.database import Database
from coco_local.store.embeddings import EmbeddingCache
from coco_local.store.projects import Project
from coco_local.store.schema import SCHEMA_VERSION, metadata
from coco_protocol.docs import IndexRequest
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.local_daemon import Bench, open_bench, register_server
from tests.many_files import write_many
from tests.sources import write_project
from tests.waiting import until

FAR = IndexingConfig("far", embedding=EmbeddingConfig("far"))
STATIC = IndexingConfig("static", embedding=EmbeddingConfig("coco-static"))


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=32) as running:
        yield running


@pytest.fixture
def bench(tmp_path: Path, server: EmbeddingServer) -> Iterator[Bench]:
    """A project, under a home that knows the server's model."""
    register_server(tmp_path / "home", server.url, "first", 32)
    with open_bench(tmp_path / "home", write_project(tmp_path / "shop")) as bench:
        yield bench


def test_a_registered_model_that_gives_other_vectors_builds_its_index_anew(
    bench: Bench, server: EmbeddingServer
) -> None:
    job = bench.build(FAR)
    chunks = bench.indexes()["far"].chunks
    # One text opened it, and equal texts are embedded once.
    assert 0 < server.texts - 1 <= chunks
    assert job.counts["embedded"] == chunks
    question = "sum the prices of all items"
    meta, data = bench.ask(question, "far")
    assert (meta.tier, meta.notice) == ("transformer", None)
    assert data.results[0].meta.vector is not None

    with bench.stopped():
        asked = server.texts
    until(lambda: bench.ask(question, "far")[0].tier == "transformer")
    assert server.texts <= asked + 2, "its vectors were kept"

    with bench.stopped():
        register_server(bench.home, server.url, "second", 32)
    until(lambda: server.texts >= 2 * asked - 1)
    until(lambda: bench.indexes()["far"].embedded == chunks)

    with bench.stopped():
        register_server(bench.home, server.url, "third", 16)
    until(lambda: bench.indexes()["far"].notice is not None)
    until(lambda: "32" in (bench.indexes()["far"].notice or ""))
    meta, data = bench.ask(question, "far")
    assert (meta.tier, bool(data.results)) == ("keyword", True)
    bench.drop_index("far")
    with embedding_server(dimension=16) as other:
        with bench.stopped():
            register_server(bench.home, other.url, "third", 16)
        assert bench.build(FAR).counts["embedded"] == chunks


def test_a_failing_server_is_told_and_tried_again(bench: Bench, server: EmbeddingServer) -> None:
    job = bench.build(FAR)
    # A client of the protocol tries again by itself before it gives up.
    server.refusals += [(400, {})]
    (bench.root / "shop" / "zebra.py").write_text("def zebra_crossing():\n    return 1\n")
    until(lambda: "fails" in (bench.indexes()["far"].notice or ""))
    until(lambda: bench.indexes()["far"].embedded > job.counts["embedded"])
    until(lambda: bench.indexes()["far"].notice is None)


def test_an_index_beside_waits_for_the_one_that_answers_and_copies_it_all(tmp_path: Path) -> None:
    paths = write_many(tmp_path / "many", 200)
    with open_bench(tmp_path / "home", tmp_path / "many", settle=False) as bench:
        job = bench.build(STATIC)
        assert (job.counts["parsed"], job.counts["copied"]) == (0, len(paths))


def test_of_two_new_indexes_cut_alike_one_parses_and_the_other_copies(tmp_path: Path) -> None:
    paths = write_many(tmp_path / "many", 120)
    with open_bench(tmp_path / "home", tmp_path / "many") as bench:
        jobs = []
        for tokens in (64, 128):
            chunking = ChunkingConfig("recursive_char", 200)
            config = IndexingConfig(f"w{tokens}", chunking, EmbeddingConfig("coco-static", tokens))
            bench.add_config(config)
            jobs.append(bench.begin(IndexRequest(indexing_config_id=config.config_id)))

        def asked_until_done() -> bool:
            # Each question lets the work in hand be cut short.
            bench.ask("balance of the ledger")
            return all(bench.daemon.job(job).finished_at is not None for job in jobs)

        until(asked_until_done)
        counts = [bench.daemon.job(job).counts for job in jobs]
        assert [c["parsed"] for c in counts] == [len(paths), 0]
        assert [c["copied"] for c in counts] == [0, len(paths)]


class Recording:
    """The static table under another name; it keeps what it was asked, in order."""

    def __init__(self, name: str, calls: list[tuple[str, int]], gate: threading.Event) -> None:
        self._table = StaticEmbedder()
        self._calls, self._gate = calls, gate
        self.name = name
        self.dimension = self._table.dimension
        self.max_tokens = self._table.max_tokens

    def embed_documents(self, texts: Sequence[str]) -> FloatMatrix:
        self._gate.wait(30)
        self._calls.append((self.name, len(texts)))
        return self._table.embed_documents(texts)

    def embed_query(self, text: str) -> FloatVector:
        return self._table.embed_query(text)


class Source:
    """An index of a few files, not embedded yet."""

    def __init__(self, root: Path, home: Path, model: IndexModel, database: Database) -> None:
        settings = load_settings(environ={"COCO_HOME": str(home)})
        config = IndexingConfig(chunking=ChunkingConfig(), embedding=model.embedding)
        self.model = model
        self.index = ProjectIndex(
            f"p-{model.embedding.model_name}", config, database, home / "vectors", 384
        )
        self.reader = SourceReader(root, settings.max_file_bytes)
        self.embedded = 0
        project = Project("p", "p", root, "default", 0.0, None)
        files = FileIndexer(project, self.index, ProjectScan(root, settings), settings, Activity())
        self.names = [path.relative_to(root).as_posix() for path in sorted(root.rglob("*.py"))]
        files.index(self.names)

    def on_embedded(self, computed: int, reused: int) -> None:
        self.embedded += computed + reused


@pytest.mark.slow
def test_batches_are_of_one_model_and_the_index_that_answers_comes_first(tmp_path: Path) -> None:
    write_many(tmp_path / "many", 24)
    home = tmp_path / "home"
    database = Database(home / "coco.db", metadata, SCHEMA_VERSION)
    calls: list[tuple[str, int]] = []
    gate = threading.Event()
    sources = {}
    for name in ("aside", "main"):
        model = IndexModel(EmbeddingConfig(name), 384, StaticEmbedder(), "not yet")
        sources[name] = Source(tmp_path / "many", home, model, database)
    queue = EmbeddingQueue(EmbeddingCache(home / "embeddings.db"), Activity(), lambda: None)
    queue.put(sources["aside"], sources["aside"].names, Priority.SECONDARY)
    queue.put(sources["main"], sources["main"].names, Priority.BULK)
    for name, source in sources.items():
        source.model.use(Recording(name, calls, gate))
    queue.start()
    gate.set()
    until(lambda: not any(queue.waiting(source) for source in sources.values()))
    queue.request_stop()
    queue.join(30)

    order = [name for name, _ in calls]
    assert order == sorted(order, key=["main", "aside"].index)
    assert set(order) == {"main", "aside"}
    for source in sources.values():
        assert source.embedded == source.index.memory.embedded_count > 64


def test_an_embedder_is_opened_on_demand_and_closed_with_its_last_index(
    bench: Bench, server: EmbeddingServer
) -> None:
    assert server.requests == 0
    bench.build(FAR)
    models = bench.daemon._models
    assert models.of(FAR.embedding, 32).ready
    # Nobody here knows its tokens: an estimate cuts, and another model's chunks are not the same.
    chunking = ChunkingConfig("fixed_token", 32)
    for name, model_name in (("pieces", "coco-static"), ("estimate", "far")):
        config = IndexingConfig(name, chunking, EmbeddingConfig(model_name))
        assert bench.build(config).counts["copied"] == 0
    for name in ("estimate", "pieces", "far"):
        bench.drop_index(name)
    assert not models._others
    assert not models._opened
