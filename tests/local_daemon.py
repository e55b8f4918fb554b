"""Local mode's daemon in this process: quicker than a real one, and open to its insides."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from coco_core.configs import IndexingConfig
from coco_local.daemon.runtime import LocalDaemon
from coco_local.settings import load_settings
from coco_protocol.configs import ConfigRequest
from coco_protocol.defaults import AdoptRequest, DefaultsBody, DefaultsRequest
from coco_protocol.docs import IndexRequest, QueryData, QueryMeta, QueryRequest, RetrievalBody
from coco_protocol.jobs import JobBody, JobRequest
from coco_protocol.projects import DropIndexRequest, IndexBody, ProjectRequest, RegisterRequest
from tests.waiting import until

__all__ = ["Answer", "Bench", "local_daemon", "open_bench", "register_server", "start_daemon"]

Answer = tuple[QueryMeta, QueryData]


def start_daemon(home: Path) -> LocalDaemon:
    """Start a daemon on a home; whoever asked for it closes it."""
    daemon = LocalDaemon(load_settings(environ={"COCO_HOME": str(home), "COCO_OFFLINE": "1"}))
    daemon.start()
    return daemon


@contextmanager
def local_daemon(home: Path) -> Iterator[LocalDaemon]:
    daemon = start_daemon(home)
    try:
        yield daemon
    finally:
        daemon.close()


def register_server(home: Path, url: str, model: str, dimension: int) -> None:
    """Write settings that make a server's model known as ``far``."""
    table = f'[models.far]\nurl = "{url}"\nmodel = "{model}"\ndimension = {dimension}\n'
    home.mkdir(exist_ok=True)
    (home / "config.toml").write_text(table, encoding="utf-8")


@contextmanager
def open_bench(home: Path, root: Path, *, settle: bool = True) -> Iterator[Bench]:
    """Open one; unless it shall ``settle``, the project is not indexed yet."""
    bench = Bench(home, root, settle=settle)
    try:
        yield bench
    finally:
        bench.daemon.close()


class Bench:
    """One home with the daemon that runs on it in this process; there is no MiniLM."""

    def __init__(self, home: Path, root: Path, *, settle: bool = True) -> None:
        self.home, self.root = home, root
        self.daemon = start_daemon(home)
        self.project_id = self.daemon.register(RegisterRequest(path=str(root))).project_id
        self.project = ProjectRequest(project_id=self.project_id)
        if settle:
            self.wait()

    def restart(self) -> None:
        with self.stopped():
            pass
        self.wait()

    @contextmanager
    def stopped(self) -> Iterator[Path]:
        """Yield the database of the daemon that does not run; it starts again afterwards."""
        self.daemon.close()
        yield self.home / "coco.db"
        self.daemon = start_daemon(self.home)

    def indexes(self) -> dict[str, IndexBody]:
        return {i.config_id: i for i in self.daemon.indexes(self.project).indexes}

    def wait(self) -> None:
        """Wait until no index has anything to do."""
        until(lambda: all(i.state == "ready" for i in self.indexes().values()))

    def build(self, config: IndexingConfig) -> JobBody:
        """Build the index of a config to its end."""
        self.add_config(config)
        return self.finished(IndexRequest(indexing_config_id=config.config_id))

    def active(self) -> dict[str, bool]:
        return {config_id: index.active for config_id, index in self.indexes().items()}

    def add_config(self, config: IndexingConfig) -> None:
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
        job = self.begin(request)
        until(lambda: self.daemon.job(job).finished_at is not None)
        return self.daemon.job(job)

    def begin(self, request: IndexRequest) -> JobRequest:
        """Ask for an index; returns what names the job."""
        asked = request.model_copy(update={"project_id": self.project_id})
        [job_id] = self.daemon.index(asked).job_ids
        return JobRequest(job_id=job_id)

    def ask(self, text: str, config_id: str | None = None, **retrieval: object) -> Answer:
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
