"""A home with several indexes of one project, and the daemon that runs on it in this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coco_core.configs import ChunkingConfig, EmbeddingConfig, IndexingConfig
from coco_local.daemon.runtime import LocalDaemon
from coco_local.settings import load_settings
from coco_protocol.configs import ConfigRequest
from coco_protocol.defaults import AdoptRequest, DefaultsBody, DefaultsRequest
from coco_protocol.docs import (
    IndexRequest,
    QueryData,
    QueryMeta,
    QueryRequest,
    RetrievalBody,
)
from coco_protocol.jobs import JobBody, JobRequest
from coco_protocol.projects import (
    DropIndexRequest,
    IndexBody,
    ProjectRequest,
    RegisterRequest,
)
from tests.sources import write_project
from tests.waiting import until

STATIC = IndexingConfig("static", embedding=EmbeddingConfig("coco-static"))
SMALL = IndexingConfig("small", ChunkingConfig("fixed_token", 32), STATIC.embedding)
WINDOW = IndexingConfig("window", embedding=EmbeddingConfig(max_tokens=256))
TWIN = IndexingConfig("twin")


class Bench:
    """One home with the daemon that runs on it in this process; there is no MiniLM."""

    def __init__(self, home: Path, root: Path) -> None:
        self.home, self.root = home, root
        self.daemon = self._started()
        self.project_id = self.daemon.register(RegisterRequest(path=str(root))).project_id
        self.project = ProjectRequest(project_id=self.project_id)
        self.wait()

    def _started(self) -> LocalDaemon:
        daemon = LocalDaemon(load_settings(environ={"COCO_HOME": str(self.home), **_ENVIRON}))
        daemon.start()
        return daemon

    def restart(self) -> None:
        """Stop and start again."""
        with self.stopped():
            pass

    @contextmanager
    def stopped(self) -> Iterator[Path]:
        """Yield the database of the daemon that does not run; it starts again afterwards."""
        self.daemon.close()
        yield self.home / "coco.db"
        self.daemon = self._started()
        self.wait()

    def indexes(self) -> dict[str, IndexBody]:
        """Return the project's indexes by config."""
        return {i.config_id: i for i in self.daemon.indexes(self.project).indexes}

    def wait(self) -> None:
        """Wait until no index has anything to do."""
        until(lambda: all(i.state == "ready" for i in self.indexes().values()))

    def build(self, config: IndexingConfig) -> JobBody:
        """Build the index of a config to its end."""
        self.add_config(config)
        return self.finished(IndexRequest(indexing_config_id=config.config_id))

    def add_config(self, config: IndexingConfig) -> None:
        """Register a config."""
        self.daemon.add_config(ConfigRequest.model_validate(config.to_dict()))

    def drop_index(self, config_id: str) -> list[str]:
        """Remove the index of a config; returns the configs of those that are left."""
        request = DropIndexRequest(project_id=self.project_id, config_id=config_id)
        return [index.config_id for index in self.daemon.drop_index(request).indexes]

    def adopt(self, **defaults: object) -> DefaultsBody:
        """Change what the project's queries take when they say nothing else."""
        request = DefaultsRequest.model_validate(defaults)
        return self.daemon.adopt(AdoptRequest(project_id=self.project_id, defaults=request))

    def finished(self, request: IndexRequest) -> JobBody:
        """Return the job that did what was asked, at its end."""
        asked = request.model_copy(update={"project_id": self.project_id})
        [job_id] = self.daemon.index(asked).job_ids
        job = JobRequest(job_id=job_id)
        until(lambda: self.daemon.job(job).finished_at is not None)
        return self.daemon.job(job)

    def ask(self, text: str, config_id: str | None = None, **retrieval: object) -> Answer:
        """Ask one of the indexes."""
        body = RetrievalBody.model_validate(retrieval)
        request = QueryRequest(
            query=text,
            project_id=self.project_id,
            indexing_config_id=config_id,
            retrieval_config=body,
        )
        answer = self.daemon.query(request)
        return answer.meta, answer.data

    def project_at(self, path: str | None) -> str:
        """Return the project that a path leads to."""
        return self.daemon.query(QueryRequest(query="cart", path=path)).meta.project_id


Answer = tuple[QueryMeta, QueryData]

_ENVIRON = {"COCO_OFFLINE": "1"}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path / "home", write_project(tmp_path / "shop"))
    yield made
    made.daemon.close()
