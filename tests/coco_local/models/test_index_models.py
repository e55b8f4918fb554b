"""Indexes under models of one's own: each is embedded and asked by its own, and by no other's."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_core.types import FloatMatrix, FloatVector
from coco_embed.static import StaticEmbedder
from coco_local.daemon.runtime import LocalDaemon
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
from coco_protocol.configs import ConfigRequest
from coco_protocol.docs import IndexRequest, QueryRequest
from coco_protocol.jobs import JobBody, JobRequest
from coco_protocol.projects import (
    DropIndexRequest,
    IndexBody,
    ProjectRequest,
    RegisterRequest,
)
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.many_files import write_many
from tests.sources import write_project
from tests.waiting import until

FAR = IndexingConfig("far", embedding=EmbeddingConfig("far"))
STATIC = IndexingConfig("static", embedding=EmbeddingConfig("coco-static"))


@pytest.fixture
def server() -> Iterator[EmbeddingServer]:
    with embedding_server(dimension=32) as running:
        yield running


class Home:
    """A home with a registered model, and the daemon that is started on it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    def register(self, url: str, model: str, dimension: int) -> None:
        """Write the settings' table of the model ``far``."""
        table = f'[models.far]\nurl = "{url}"\nmodel = "{model}"\ndimension = {dimension}\n'
        (self.root / "config.toml").write_text(table, encoding="utf-8")

    def start(self) -> LocalDaemon:
        environ = {"COCO_HOME": str(self.root), "COCO_OFFLINE": "1"}
        daemon = LocalDaemon(load_settings(environ=environ))
        daemon.start()
        return daemon


def build(daemon: LocalDaemon, project_id: str, config: IndexingConfig) -> JobBody:
    job = start(daemon, project_id, config)
    until(lambda: daemon.job(job).finished_at is not None)
    return daemon.job(job)


def start(daemon: LocalDaemon, project_id: str, config: IndexingConfig) -> JobRequest:
    daemon.add_config(ConfigRequest.model_validate(config.to_dict()))
    request = IndexRequest(project_id=project_id, indexing_config_id=config.config_id)
    [job_id] = daemon.index(request).job_ids
    return JobRequest(job_id=job_id)


def drop(daemon: LocalDaemon, project_id: str, config_id: str) -> None:
    daemon.drop_index(DropIndexRequest(project_id=project_id, config_id=config_id))


def index(daemon: LocalDaemon, project_id: str, config_id: str) -> IndexBody:
    found = daemon.indexes(ProjectRequest(project_id=project_id)).indexes
    return next(body for body in found if body.config_id == config_id)


def test_a_registered_model_that_gives_other_vectors_builds_its_index_anew(
    tmp_path: Path, server: EmbeddingServer
) -> None:
    home = Home(tmp_path / "home")
    home.register(server.url, "first", 32)
    daemon = home.start()
    root = write_project(tmp_path / "shop")
    project_id = daemon.register(RegisterRequest(path=str(root))).project_id
    job = build(daemon, project_id, FAR)
    chunks = index(daemon, project_id, "far").chunks
    # One text opened it, and equal texts are embedded once.
    assert 0 < server.texts - 1 <= chunks
    assert job.counts["embedded"] == chunks
    ask = QueryRequest(
        query="sum the prices of all items", project_id=project_id, indexing_config_id="far"
    )
    answer = daemon.query(ask)
    meta, data = answer.meta, answer.data
    assert (meta.tier, meta.notice) == ("transformer", None)
    assert data.results[0].meta.vector is not None
    daemon.close()

    asked = server.texts
    daemon = home.start()
    until(lambda: daemon.query(ask).meta.tier == "transformer")
    assert server.texts <= asked + 2, "its vectors were kept"
    daemon.close()

    home.register(server.url, "second", 32)
    daemon = home.start()
    until(lambda: server.texts >= 2 * asked - 1)
    until(lambda: index(daemon, project_id, "far").embedded == chunks)
    daemon.close()

    home.register(server.url, "third", 16)
    daemon = home.start()
    until(lambda: index(daemon, project_id, "far").notice is not None)
    until(lambda: "32" in (index(daemon, project_id, "far").notice or ""))
    answer = daemon.query(ask)
    assert (answer.meta.tier, bool(answer.data.results)) == ("keyword", True)
    drop(daemon, project_id, "far")
    with embedding_server(dimension=16) as other:
        daemon.close()
        home.register(other.url, "third", 16)
        daemon = home.start()
        assert build(daemon, project_id, FAR).counts["embedded"] == chunks
        daemon.close()


def test_a_server_that_fails_meanwhile_is_told_and_tried_again(
    tmp_path: Path, server: EmbeddingServer
) -> None:
    home = Home(tmp_path / "home")
    home.register(server.url, "first", 32)
    daemon = home.start()
    root = write_project(tmp_path / "shop")
    project_id = daemon.register(RegisterRequest(path=str(root))).project_id
    job = build(daemon, project_id, FAR)
    # A client of the protocol tries again by itself before it gives up.
    server.refusals += [(400, {})]
    (root / "shop" / "zebra.py").write_text("def zebra_crossing():\n    return 1\n")
    until(lambda: "fails" in (index(daemon, project_id, "far").notice or ""))
    until(lambda: index(daemon, project_id, "far").embedded > job.counts["embedded"])
    until(lambda: index(daemon, project_id, "far").notice is None)
    daemon.close()


def test_an_index_beside_waits_for_the_one_that_answers_and_copies_all_of_it(
    tmp_path: Path,
) -> None:
    daemon = Home(tmp_path / "home").start()
    try:
        paths = write_many(tmp_path / "many", 200)
        project_id = daemon.register(RegisterRequest(path=str(tmp_path / "many"))).project_id
        job = build(daemon, project_id, STATIC)
        assert (job.counts["parsed"], job.counts["copied"]) == (0, len(paths))
    finally:
        daemon.close()


def test_of_two_new_indexes_that_are_cut_alike_one_parses_and_the_other_copies(
    tmp_path: Path,
) -> None:
    daemon = Home(tmp_path / "home").start()
    try:
        paths = write_many(tmp_path / "many", 120)
        project_id = daemon.register(RegisterRequest(path=str(tmp_path / "many"))).project_id
        until(lambda: daemon.project(ProjectRequest(project_id=project_id)).state == "ready")
        jobs = []
        for tokens in (64, 128):
            chunking = ChunkingConfig("recursive_char", 200)
            config = IndexingConfig(f"w{tokens}", chunking, EmbeddingConfig("coco-static", tokens))
            jobs.append(start(daemon, project_id, config))

        def asked_until_done() -> bool:
            # Each question lets the work in hand be cut short.
            daemon.query(QueryRequest(query="balance of the ledger", project_id=project_id))
            return all(daemon.job(job).finished_at is not None for job in jobs)

        until(asked_until_done)
        counts = [daemon.job(job).counts for job in jobs]
        assert [c["parsed"] for c in counts] == [len(paths), 0]
        assert [c["copied"] for c in counts] == [0, len(paths)]
    finally:
        daemon.close()


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
def test_batches_hold_texts_of_one_model_and_the_index_that_answers_comes_first(
    tmp_path: Path,
) -> None:
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
    tmp_path: Path, server: EmbeddingServer
) -> None:
    home = Home(tmp_path / "home")
    home.register(server.url, "first", 32)
    daemon = home.start()
    root = write_project(tmp_path / "shop")
    project_id = daemon.register(RegisterRequest(path=str(root))).project_id
    assert server.requests == 0
    build(daemon, project_id, FAR)
    model = daemon._models.of(FAR.embedding, 32)
    assert model.ready
    # Nobody here knows its tokens: an estimate cuts, and another model's chunks are not the same.
    chunking = ChunkingConfig("fixed_token", 32)
    for name, model_name in (("pieces", "coco-static"), ("estimate", "far")):
        config = IndexingConfig(name, chunking, EmbeddingConfig(model_name))
        assert build(daemon, project_id, config).counts["copied"] == 0
    drop(daemon, project_id, "estimate")
    drop(daemon, project_id, "pieces")
    drop(daemon, project_id, "far")
    assert not daemon._models._others
    assert not daemon._models._opened
    daemon.close()
