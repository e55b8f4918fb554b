"""Experiments on the local daemon: indexes side by side in one project."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from coco_core.configs import IndexingConfig
from coco_core.errors import ConfigConflict, ModelMissing, Unavailable
from coco_core.plan import QueryPlan
from coco_experiments.results import IndexResult, TargetRecord
from coco_experiments.retrieval import explicit_retrieval
from coco_experiments.target import BuildStep, ProgressListener, TargetAnswer, record_hit
from coco_local.client.http_client import FINAL_STATES, Client
from coco_protocol.configs import ConfigRequest
from coco_protocol.defaults import AdoptRequest, DefaultsBody, DefaultsRequest
from coco_protocol.docs import IndexRequest, QueryRequest
from coco_protocol.jobs import JobBody, JobRequest
from coco_protocol.projects import IndexBody, ProjectBody, ProjectRequest, RegisterRequest

__all__ = ["LocalTarget", "StartedBuild", "project_of_path"]

# How often an index that embeds is looked at: nothing to the daemon, smooth to the eye.
_POLL_SECONDS = 0.2

# An index without progress for so long is asked what it waits for.
_STALLED_SECONDS = 5.0

# The daemon writes the last rows of an index when they have waited for 5 s.
_WRITTEN_SECONDS = 7.0


@dataclass(frozen=True, slots=True)
class StartedBuild:
    """The build that the registration of a project has started."""

    config_id: str
    job_id: str
    at: float
    """On the monotonic clock."""


def project_of_path(
    client: Client, path: Path, config: IndexingConfig
) -> tuple[ProjectBody, StartedBuild | None]:
    """Return the project whose root is ``path``; it is registered when there is none.

    Inside another project it is standalone: that one keeps its files, and commands in the directory
    still mean it.

    Args:
        client: of the daemon.
        path: a directory.
        config: how a new project is indexed, so that no index is built that nobody asks.
    """
    root = os.path.realpath(path)
    projects = client.projects().projects
    for project in projects:
        if os.path.realpath(project.root) == root:
            return project, None
    inside = any(Path(root).is_relative_to(os.path.realpath(each.root)) for each in projects)
    _register_config(client, config)
    request = RegisterRequest(path=root, standalone=inside, indexing_config_id=config.config_id)
    at = time.monotonic()
    project_id = client.register(request).project_id
    job_id = next(job.job_id for job in client.jobs().jobs if job.project_id == project_id)
    project = client.project(ProjectRequest(project_id=project_id))
    return project, StartedBuild(config.config_id, job_id, at)


def _register_config(client: Client, config: IndexingConfig) -> None:
    """Make a config known; again with the same content changes nothing.

    Raises:
        ConfigConflict: its id is taken by other content.
    """
    try:
        # The core's config was checked when it was made; the wire takes all that it allows.
        client.add_config(ConfigRequest.model_validate_json(json.dumps(config.to_dict())))
    except ConfigConflict as error:
        raise ConfigConflict(
            error.message,
            hint="Give the strategy another config_id: a config never changes. "
            f"The other one: coco config show-index {config.config_id}",
            details=error.details,
        ) from error


class LocalTarget:
    """One project of a running daemon."""

    def __init__(
        self,
        client: Client,
        project: ProjectBody,
        path: str | None = None,
        started: StartedBuild | None = None,
    ) -> None:
        """Ask ``project``.

        Args:
            client: of its daemon.
            project: which.
            path: the directory if it was named by one.
            started: a build that is under way because the project is new.
        """
        self._client = client
        self._started = started
        self._project_id = project.project_id
        self._last_built = -_WRITTEN_SECONDS
        self._record = TargetRecord(
            product="local",
            url=client.base_url,
            project_id=project.project_id,
            project_name=project.name,
            path=path,
        )

    @property
    def record(self) -> TargetRecord:
        """Whom it asks."""
        return self._record

    def check(self) -> None:
        """Make sure that the daemon still answers."""
        self._client.health()

    def register(self, configs: Sequence[IndexingConfig]) -> None:
        """Make the configs known."""
        for config in configs:
            _register_config(self._client, config)

    def built(self, config: IndexingConfig, *, vectors: bool) -> IndexResult | None:
        """Return the index of a config if it is complete."""
        if self._started is not None and self._started.config_id == config.config_id:
            # It may be complete by now; its job says what that took.
            return None
        found = self._index(config.config_id)
        if found is None or not _complete(found, vectors=vectors):
            return None
        return IndexResult(
            config_id=config.config_id,
            fingerprint=config.fingerprint,
            documents=found.files,
            chunks=found.chunks,
            seconds=None,
            bytes=found.index_bytes,
        )

    def build(
        self, config: IndexingConfig, listener: ProgressListener, *, vectors: bool
    ) -> IndexResult:
        """Build the index of a config, and wait for its last vector."""
        began, started = time.monotonic(), self._started
        if started is not None and started.config_id == config.config_id:
            began, job_ids, self._started = started.at, [started.job_id], None
        else:
            request = IndexRequest(project_id=self._project_id, indexing_config_id=config.config_id)
            job_ids = self._client.index(request).job_ids
        job = self._follow(job_ids, config, listener)
        index = self._await_vectors(config, listener, vectors=vectors)
        self._last_built = time.monotonic()
        # Vectors may come after the job's last event.
        counts: dict[str, int] = {}
        if job is not None:
            counts = self._client.job(JobRequest(job_id=job.job_id)).counts
        return IndexResult(
            config_id=config.config_id,
            fingerprint=config.fingerprint,
            documents=index.files,
            chunks=index.chunks,
            seconds=round(time.monotonic() - began, 3),
            bytes=index.index_bytes,
            parsed=counts.get("parsed"),
            copied=counts.get("copied"),
            embedded=counts.get("embedded"),
            reused=counts.get("reused"),
        )

    def size(self, config_id: str) -> int | None:
        """Return the bytes of an index on disk, once all of it is written."""
        time.sleep(max(0.0, self._last_built + _WRITTEN_SECONDS - time.monotonic()))
        index = self._index(config_id)
        return index.index_bytes if index is not None else None

    def ask(self, config_id: str, plan: QueryPlan, question: str) -> TargetAnswer:
        """Ask one index."""
        retrieval, filters = explicit_retrieval(plan)
        request = QueryRequest(
            query=question,
            project_id=self._project_id,
            indexing_config_id=config_id,
            retrieval_config=retrieval,
            filters=filters,
        )
        began = time.perf_counter()
        answer = self._client.query(request)
        took = time.perf_counter() - began
        return TargetAnswer(
            milliseconds=round(1000 * took, 3),
            engine=answer.meta.took_ms,
            hits=tuple(record_hit(hit) for hit in answer.data.results),
            notice=answer.meta.notice,
        )

    def defaults(self) -> DefaultsBody:
        """Return what queries of the project take when they say nothing else."""
        return self._client.defaults(ProjectRequest(project_id=self._project_id))

    def adopt(self, request: DefaultsRequest) -> DefaultsBody:
        """Change that."""
        return self._client.adopt(AdoptRequest(project_id=self._project_id, defaults=request))

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _index(self, config_id: str) -> IndexBody | None:
        indexes = self._client.indexes(ProjectRequest(project_id=self._project_id)).indexes
        return next((each for each in indexes if each.config_id == config_id), None)

    def _follow(
        self, job_ids: Sequence[str], config: IndexingConfig, listener: ProgressListener
    ) -> JobBody | None:
        """Follow the build's job to its end."""
        last: JobBody | None = None
        for job_id in job_ids:
            for event in self._client.job_events(job_id):
                last = event.job
                listener.building(BuildStep(config.config_id, last.stage, last.done, last.total))
            if last is not None and last.state in FINAL_STATES and last.state != "succeeded":
                raise Unavailable(
                    f"The index {config.config_id!r} was not built: its job {job_id} {last.state}"
                    f"{f': {last.error}' if last.error else ''}.",
                    hint="See what the daemon says: coco status",
                )
        return last

    def _await_vectors(
        self, config: IndexingConfig, listener: ProgressListener, *, vectors: bool
    ) -> IndexBody:
        stalled = _Stall(lambda: self._why_waiting(config))
        while True:
            index = self._index(config.config_id)
            if index is None:
                raise Unavailable(
                    f"The index {config.config_id!r} has gone while it was built.",
                    hint="Somebody deleted it; run the experiment again.",
                )
            if index.error:
                raise Unavailable(
                    f"The index {config.config_id!r} cannot be built: {index.error}",
                    hint="See what the daemon says: coco status",
                )
            if _complete(index, vectors=vectors):
                return index
            listener.building(BuildStep(config.config_id, "embed", index.embedded, index.chunks))
            stalled.look((index.files, index.chunks, index.embedded, index.pending_files))
            time.sleep(_POLL_SECONDS)

    def _why_waiting(self, config: IndexingConfig) -> None:
        """Raise when the vectors will not come: the model of the index is missing."""
        request = QueryRequest(
            query="?", project_id=self._project_id, indexing_config_id=config.config_id
        )
        meta = self._client.query(request).meta
        if meta.notice and " missing" in meta.notice:
            raise ModelMissing(
                f"The index {config.config_id!r} gets no vectors. {meta.notice}",
                hint="Use another model_name, or only keywords: retrieval_mode: fts",
            )


class _Stall:
    """Notices that nothing changes any more."""

    def __init__(self, ask: Callable[[], None]) -> None:
        self._ask = ask
        self._seen: object = None
        self._since = time.monotonic()

    def look(self, state: object) -> None:
        now = time.monotonic()
        if state != self._seen:
            self._seen, self._since = state, now
        elif now - self._since >= _STALLED_SECONDS:
            self._since = now
            self._ask()


def _complete(index: IndexBody, *, vectors: bool) -> bool:
    if index.pending_files or index.error or index.state in {"scanning", "indexing"}:
        return False
    if index.state == "empty" and not index.files:
        # Not begun, or nothing to index: only its job's end tells, so it is built once more.
        return False
    return index.embedded >= index.chunks or not vectors
