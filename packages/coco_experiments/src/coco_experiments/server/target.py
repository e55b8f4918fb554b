"""Experiments on the server: versions of one project, side by side."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from typing import IO

from coco_core.configs import IndexingConfig
from coco_core.errors import ConfigConflict, InvalidConfig, Unavailable
from coco_core.plan import QueryPlan
from coco_experiments.results import IndexResult, TargetRecord
from coco_experiments.retrieval import explicit_retrieval
from coco_experiments.server.client import FINAL_STATES, ServerClient
from coco_experiments.target import BuildStep, ProgressListener, TargetAnswer, record_hit
from coco_protocol.defaults import DefaultsBody, DefaultsRequest
from coco_protocol.server.configs import ConfigRequest
from coco_protocol.server.docs import IndexRequest, QueryRequest, StartedData
from coco_protocol.server.jobs import JobEvent
from coco_protocol.server.projects import ProjectBody, RegisterRequest, VersionBody

__all__ = ["ServerTarget", "project_of_items"]

_COMPLETE = frozenset({"ACTIVE", "READY", "ARCHIVED"})

_NOT_IN_NAME = re.compile(r"[^a-z0-9]+")


def project_of_items(client: ServerClient, name: str, digest: str) -> ProjectBody:
    """Return the project of these files for experiments of this name, made if it is new.

    Its logical name holds the digest of the files: other files are another project, and what an
    index of this one was built of never has to be asked.
    """
    slug = _NOT_IN_NAME.sub("-", name.lower()).strip("-")[:60].strip("-") or "unnamed"
    return client.register(
        RegisterRequest(
            source_ref=f"experiment:{slug}:{digest}",
            name=name[:200],
            platform="coco experiment",
        )
    )


class ServerTarget:
    """One project of a server."""

    def __init__(
        self,
        client: ServerClient,
        project: ProjectBody,
        *,
        path: str | None = None,
        items: IO[bytes] | None = None,
    ) -> None:
        """Ask ``project``.

        Args:
            client: of its server.
            project: which.
            path: the directory if it was named by one.
            items: what to import when the project holds nothing yet.
        """
        self._client = client
        self._project_id = project.project_id
        self._items = items
        self._record = TargetRecord(
            product="server",
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
        """Make sure that the server still answers."""
        self._client.check()

    def register(self, configs: Sequence[IndexingConfig]) -> None:
        """Make the configs known."""
        for config in configs:
            try:
                self._client.add_config(_config_request(config))
            except ConfigConflict as error:
                raise ConfigConflict(
                    error.message,
                    hint="Give the strategy another config_id: a config of an org never changes.",
                    details=error.details,
                ) from error

    def built(self, config: IndexingConfig, *, vectors: bool) -> IndexResult | None:
        """Return the version of a config if it is complete and of what the project holds now."""
        del vectors
        version = self._newest(config.config_id)
        if version is None:
            return None
        return _result(config, version, seconds=None)

    def build(
        self, config: IndexingConfig, listener: ProgressListener, *, vectors: bool
    ) -> IndexResult:
        """Build a version beside the others, and wait until it is complete."""
        del vectors
        began = time.monotonic()
        started = self._running(config) or self._start(config)
        result = self._follow(started, config, listener)
        rejected = _number(result, "rejected")
        if rejected:
            listener.warn(
                f"{config.config_id}: the server left out {rejected} of {started.items or 0} "
                f"documents; see GET /v1/jobs/{started.job_id}/rejections"
            )
        version = next(
            each
            for each in self._client.versions(self._project_id).versions
            if each.version_id == started.version_id
        )
        work = {name: _number(result, name) for name in ("parsed", "copied", "embedded", "reused")}
        return _result(config, version, seconds=round(time.monotonic() - began, 3), **work)

    def size(self, config_id: str) -> int | None:
        """Return the bytes of the version that answers for a config."""
        version = self._newest(config_id)
        return version.storage_bytes if version is not None else None

    def ask(self, config_id: str, plan: QueryPlan, question: str) -> TargetAnswer:
        """Ask one version."""
        retrieval, filters = explicit_retrieval(plan)
        request = QueryRequest(
            query=question,
            indexing_config_id=config_id,
            retrieval_config=retrieval,
            filters=filters,
        )
        meta, data, seconds = self._client.query(self._project_id, request)
        return TargetAnswer(
            milliseconds=round(1000 * seconds, 3),
            engine=meta.took_ms,
            hits=tuple(record_hit(hit) for hit in data.results),
            notice=meta.notice,
        )

    def defaults(self) -> DefaultsBody:
        """Return what queries of the project take when they say nothing else."""
        return self._client.defaults(self._project_id)

    def adopt(self, request: DefaultsRequest) -> DefaultsBody:
        """Change that."""
        return self._client.adopt(self._project_id, request)

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _start(self, config: IndexingConfig) -> StartedData:
        source = self._source()
        if source is None:
            if self._items is None:
                raise InvalidConfig(
                    f"The project {self._record.project_id!r} has no version whose documents "
                    "could be indexed.",
                    hint="Import documents first: POST /v1/docs/import, or name a `path:`.",
                )
            # Nothing answers there yet, so the first version takes nothing from anybody; and
            # retention never removes what is active.
            return self._client.ingest(
                self._project_id, self._items, config.config_id, activate=True
            )
        request = IndexRequest(
            indexing_config_id=config.config_id, version_id=source.version_id, activate=False
        )
        return self._client.index(self._project_id, request)

    def _running(self, config: IndexingConfig) -> StartedData | None:
        """Return the build of this config that is under way: the server has one at a time."""
        found = self._client.versions(self._project_id).versions
        building = {
            each.version_id
            for each in found
            if each.status == "BUILDING" and each.indexing_config_id == config.config_id
        }
        if not building:
            return None
        for job in self._client.jobs(self._project_id).jobs:
            if job.version_id in building and job.state not in FINAL_STATES:
                return StartedData(
                    job_id=job.job_id,
                    version_id=job.version_id or "",
                    project_id=self._project_id,
                    indexing_config_id=config.config_id,
                    blob_ref="",
                    items=job.total,
                )
        return None

    def _versions(self) -> list[VersionBody]:
        found = self._client.versions(self._project_id).versions
        return [each for each in found if each.status in _COMPLETE]

    def _source(self) -> VersionBody | None:
        """Return the version whose documents are the experiment's: the one that answers."""
        found = self._versions()
        active = next((each for each in found if each.active), None)
        return active or (found[0] if found else None)

    def _newest(self, config_id: str) -> VersionBody | None:
        """Return the version that answers for a config, if it is not older than the documents."""
        found = self._versions()
        active = next((each for each in found if each.active), None)
        if active is not None and active.indexing_config_id == config_id:
            return active
        newest = next((each for each in found if each.indexing_config_id == config_id), None)
        if newest is None or self._items is not None or active is None:
            return newest
        # What was built before the version that answers may be of other documents.
        return newest if newest.created_at >= active.created_at else None

    def _follow(
        self, started: StartedData, config: IndexingConfig, listener: ProgressListener
    ) -> Mapping[str, object]:
        """Follow a job to its end; returns its result."""
        for event in self._client.job_events(self._project_id, started.job_id):
            listener.building(_step(config.config_id, event, started.items or 0))
        job = self._client.job(self._project_id, started.job_id)
        if job.state != "succeeded":
            error = job.error or {}
            raise Unavailable(
                f"The index {config.config_id!r} was not built: its job {job.job_id} {job.state}: "
                f"{error.get('message') or 'no reason given'}",
                hint=str(error["hint"]) if error.get("hint") else "See the worker's log.",
            )
        return job.result or {}


def _result(
    config: IndexingConfig, version: VersionBody, *, seconds: float | None, **work: int | None
) -> IndexResult:
    return IndexResult(
        config_id=config.config_id,
        fingerprint=config.fingerprint,
        documents=version.document_count,
        chunks=version.chunk_count,
        seconds=seconds,
        bytes=version.storage_bytes,
        version_id=version.version_id,
        **work,
    )


def _step(config_id: str, event: JobEvent, items: int) -> BuildStep:
    done = event.body.get("done")
    stage = event.body.get("stage")
    return BuildStep(
        config_id,
        stage if isinstance(stage, str) else event.kind,
        done if isinstance(done, int) else 0,
        items,
    )


def _number(result: Mapping[str, object], name: str) -> int | None:
    value = result.get(name)
    return value if isinstance(value, int) else None


def _config_request(config: IndexingConfig) -> ConfigRequest:
    # The core's config was checked when it was made; the wire takes all that it allows.
    return ConfigRequest.model_validate_json(json.dumps(config.to_dict()))
