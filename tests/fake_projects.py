"""What the fake service of the tests answers about projects, indexes, jobs and itself."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from coco_core.errors import ConfigConflict, ConfigNotFound, Conflict
from coco_protocol.base import EmptyRequest
from coco_protocol.configs import (
    ChunkingBody,
    ConfigBody,
    ConfigIdRequest,
    ConfigList,
    ConfigRequest,
    EmbeddingBody,
)
from coco_protocol.defaults import AdoptRequest, DefaultsBody, DefaultsRequest
from coco_protocol.docs import ImportData, ImportRequest, IndexRequest
from coco_protocol.jobs import JobBody, JobList, JobRequest
from coco_protocol.local import LocalService
from coco_protocol.projects import (
    DropIndexRequest,
    IndexBody,
    IndexList,
    ProjectBody,
    ProjectList,
    ProjectRequest,
    RegisterData,
    RegisterRequest,
    RescanData,
)
from coco_protocol.system import (
    HealthData,
    LatencyStats,
    PruneData,
    PruneRequest,
    ShutdownData,
    StatsData,
)
from tests.fake_code import ANSWERS
from tests.fake_documents import FakeProject, refuse_outside

if TYPE_CHECKING:
    from tests.fake_service import FakeService

__all__ = ["ANSWERS"]


@ANSWERS.answers(LocalService.import_paths)
def import_paths(service: FakeService, request: ImportRequest) -> ImportData:
    made = [register(service, RegisterRequest(path=path)) for path in request.paths]
    ids = [data.project_id for data in made]
    return ImportData(project_ids=ids, job_ids=[service.finished_job(each) for each in ids])


@ANSWERS.answers(LocalService.index)
def index(service: FakeService, request: IndexRequest) -> ImportData:
    chosen = service.resolve(request.project_id, request.path).project_id
    config(service, ConfigIdRequest(config_id=request.indexing_config_id or "default"))
    return ImportData(project_ids=[chosen], job_ids=[service.finished_job(chosen)])


@ANSWERS.answers(LocalService.register)
def register(service: FakeService, request: RegisterRequest) -> RegisterData:
    refuse_outside(request.path)
    known = next((each for each in service.known.values() if each.root == request.path), None)
    project = known
    if project is None:
        project_id = f"p{len(service.known)}"
        project = FakeProject(project_id, request.name or project_id, request.path, {})
        service.known[project_id] = project
    return RegisterData(
        project_id=project.project_id, path=project.root, name=project.name, created=known is None
    )


@ANSWERS.answers(LocalService.projects)
def projects(service: FakeService, _: EmptyRequest) -> ProjectList:
    bodies = [project.body() for project in list(service.known.values())]
    return ProjectList(projects=sorted(bodies, key=lambda body: body.name))


@ANSWERS.answers(LocalService.project)
def project(service: FakeService, request: ProjectRequest) -> ProjectBody:
    return service.get(request.project_id).body()


@ANSWERS.answers(LocalService.forget)
def forget(service: FakeService, request: ProjectRequest) -> ProjectBody:
    body = service.get(request.project_id).body()
    del service.known[request.project_id]
    return body


@ANSWERS.answers(LocalService.rescan)
def rescan(service: FakeService, request: ProjectRequest) -> RescanData:
    return RescanData(job_id=service.finished_job(service.get(request.project_id).project_id))


@ANSWERS.answers(LocalService.indexes)
def indexes(service: FakeService, request: ProjectRequest) -> IndexList:
    config_id = service.get(request.project_id).body().config_id
    fingerprint = config(service, ConfigIdRequest(config_id=config_id)).fingerprint
    only = IndexBody(config_id=config_id, fingerprint=fingerprint, active=True, state="ready")
    return IndexList(indexes=[only])


@ANSWERS.answers(LocalService.drop_index)
def drop_index(service: FakeService, request: DropIndexRequest) -> IndexList:
    left = indexes(service, request)
    if request.config_id == left.indexes[0].config_id:
        raise Conflict(f"{request.config_id!r} is the index that answers.")
    raise ConfigNotFound(f"There is no index under {request.config_id!r}.")


@ANSWERS.answers(LocalService.defaults)
def defaults(service: FakeService, request: ProjectRequest) -> DefaultsBody:
    project_id = service.get(request.project_id).project_id
    known = service.adopted.get(project_id, DefaultsRequest())
    return DefaultsBody(
        project_id=project_id,
        indexing_config_id=known.indexing_config_id or "default",
        query_config_id=known.query_config_id,
        retrieval_config=known.retrieval_config,
    )


@ANSWERS.answers(LocalService.adopt)
def adopt(service: FakeService, request: AdoptRequest) -> DefaultsBody:
    config_id = request.defaults.indexing_config_id or "default"
    config(service, ConfigIdRequest(config_id=config_id))
    service.adopted[service.get(request.project_id).project_id] = request.defaults
    return defaults(service, request)


@ANSWERS.answers(LocalService.jobs)
def jobs(service: FakeService, _: EmptyRequest) -> JobList:
    return service.registry.list()


@ANSWERS.answers(LocalService.job)
def job(service: FakeService, request: JobRequest) -> JobBody:
    return service.registry.get(request.job_id).body()


@ANSWERS.answers(LocalService.cancel_job)
def cancel_job(service: FakeService, request: JobRequest) -> JobBody:
    found = service.registry.get(request.job_id)
    found.cancel()
    return found.body()


@ANSWERS.answers(LocalService.health)
def health(service: FakeService, _: EmptyRequest) -> HealthData:
    running = service.registry.running()
    return HealthData(
        version="0.1.0",
        pid=os.getpid(),
        started_at=service.started_at,
        uptime_seconds=1.5,
        home=service.home,
        model=service.model,
        queues=service.queues.model_copy(update={"jobs": running}),
        projects=len(service.known),
    )


@ANSWERS.answers(LocalService.stats)
def stats(service: FakeService, request: EmptyRequest) -> StatsData:
    return StatsData(
        health=health(service, request),
        memory_bytes=1024,
        cpu_percent=0.5,
        index_bytes=2048,
        latency=LatencyStats(count=1, qps=0.1, p50_ms=4.0, p95_ms=8.0),
        stores={"rows": 7},
    )


@ANSWERS.answers(LocalService.configs)
def configs(service: FakeService, _: EmptyRequest) -> ConfigList:
    return ConfigList(
        configs=[config(service, ConfigIdRequest(config_id=name)) for name in list(service.added)]
    )


@ANSWERS.answers(LocalService.config)
def config(service: FakeService, request: ConfigIdRequest) -> ConfigBody:
    if request.config_id not in service.added:
        raise ConfigNotFound(f"There is no config {request.config_id!r}.")
    found = service.added[request.config_id].to_config()
    fields = found.to_dict()
    return ConfigBody(
        config_id=found.config_id,
        fingerprint=found.fingerprint,
        chunking=ChunkingBody.model_validate(fields["chunking"]),
        embedding=EmbeddingBody.model_validate(fields["embedding"]),
        created_at=0.0,
    )


@ANSWERS.answers(LocalService.add_config)
def add_config(service: FakeService, request: ConfigRequest) -> ConfigBody:
    request.to_config()
    if service.added.setdefault(request.config_id, request).to_config() != request.to_config():
        raise ConfigConflict(f"The config {request.config_id!r} exists with other content.")
    return config(service, ConfigIdRequest(config_id=request.config_id))


@ANSWERS.answers(LocalService.prune)
def prune(service: FakeService, request: PruneRequest) -> PruneData:
    return PruneData(dry_run=request.dry_run)


@ANSWERS.answers(LocalService.shutdown)
def shutdown(service: FakeService, _: EmptyRequest) -> ShutdownData:
    service.stop_requested.set()
    return ShutdownData()
