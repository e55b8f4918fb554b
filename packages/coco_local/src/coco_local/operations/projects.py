"""The registry: projects, their indexes and their defaults."""

from __future__ import annotations

from coco_local.operations.context import FUNCTIONS, Context
from coco_local.operations.serializers import index_list, project_body
from coco_protocol.base import EmptyRequest
from coco_protocol.defaults import AdoptRequest, DefaultsBody
from coco_protocol.local import LocalService
from coco_protocol.projects import (
    DropIndexRequest,
    IndexList,
    ProjectBody,
    ProjectList,
    ProjectRequest,
    RegisterData,
    RegisterRequest,
    RescanData,
)


@FUNCTIONS.answers(LocalService.register)
def register(context: Context, request: RegisterRequest) -> RegisterData:
    """Register a directory and index it in the background."""
    done = context.registry.register(
        request.path, request.name, request.indexing_config_id, standalone=request.standalone
    )
    if done.created:
        context.registry.index_job(done.project.active)
        context.wake_worker()
    registered = done.project.project
    return RegisterData(
        project_id=registered.project_id,
        path=str(registered.root),
        name=registered.name,
        created=done.created,
        notices=list(done.notices),
    )


@FUNCTIONS.answers(LocalService.projects)
def projects(context: Context, _: EmptyRequest) -> ProjectList:
    """Return all projects, by name."""
    return ProjectList(projects=[project_body(found) for found in context.registry.all()])


@FUNCTIONS.answers(LocalService.project)
def project(context: Context, request: ProjectRequest) -> ProjectBody:
    """Return one project."""
    return project_body(context.registry.get(request.project_id))


@FUNCTIONS.answers(LocalService.forget)
def forget(context: Context, request: ProjectRequest) -> ProjectBody:
    """Remove a project with its indexes; files on disk stay."""
    forgotten = context.registry.forget(request.project_id)
    body = project_body(forgotten)
    for indexer in forgotten.all():
        indexer.close()
        context.maintenance.remove_index(indexer)
    return body


@FUNCTIONS.answers(LocalService.rescan)
def rescan(context: Context, request: ProjectRequest) -> RescanData:
    """Compare a project with the disk, as a job."""
    job = context.registry.index_job(context.registry.get(request.project_id).active)
    context.wake_worker()
    return RescanData(job_id=job.job_id)


@FUNCTIONS.answers(LocalService.indexes)
def indexes(context: Context, request: ProjectRequest) -> IndexList:
    """Return the indexes of a project, the active one first."""
    return index_list(context.registry.get(request.project_id), context.maintenance)


@FUNCTIONS.answers(LocalService.drop_index)
def drop_index(context: Context, request: DropIndexRequest) -> IndexList:
    """Remove an index that is not the active one."""
    found = context.registry.get(request.project_id)
    gone = context.registry.drop_index(found, request.config_id)
    if gone is not None:
        gone.close()
        context.maintenance.remove_index(gone)
    return index_list(found, context.maintenance)


@FUNCTIONS.answers(LocalService.defaults)
def defaults(context: Context, request: ProjectRequest) -> DefaultsBody:
    """Return what a project's queries take when they say nothing else."""
    return context.defaults.defaults(request.project_id)


@FUNCTIONS.answers(LocalService.adopt)
def adopt(context: Context, request: AdoptRequest) -> DefaultsBody:
    """Change what a project's queries take when they say nothing else."""
    body = context.defaults.adopt(request.project_id, request.defaults)
    context.wake_worker()
    return body
