"""Starting the jobs that index: import_paths and index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coco_local.indexing.indexer import ProjectIndexer
from coco_local.operations.context import FUNCTIONS, Context
from coco_local.projects.registry import repositories
from coco_protocol.docs import ImportData, ImportRequest, IndexRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.import_paths)
def import_paths(context: Context, request: ImportRequest) -> ImportData:
    """Register directories and index them."""
    paths = request.paths
    if request.recursive:
        found = [list(repositories(Path(path).expanduser())) for path in paths]
        paths = [str(root) for roots in found for root in roots] or paths
    config_id = request.indexing_config_id
    registry = context.registry
    projects = [registry.register(path, config_id=config_id)[0] for path in paths]
    return _start_jobs(context, [registry.add_index(each, config_id) for each in projects])


@FUNCTIONS.answers(LocalService.index)
def index(context: Context, request: IndexRequest) -> ImportData:
    """Bring an index up to date, or build it; anew on demand."""
    project = context.registry.resolve(request.project_id, request.path)
    if request.dry_run:
        project.named(request.indexing_config_id)
        return ImportData(project_ids=[project.project.project_id], job_ids=[])
    indexer = context.registry.add_index(project, request.indexing_config_id)
    if request.rebuild:
        indexer.files.parse_again()
        indexer.backlog.request_rebuild()
    return _start_jobs(context, [indexer])


def _start_jobs(context: Context, indexers: Sequence[ProjectIndexer]) -> ImportData:
    jobs = [context.registry.index_job(indexer) for indexer in indexers]
    context.wake_worker()
    return ImportData(
        project_ids=[indexer.project.project_id for indexer in indexers],
        job_ids=[job.job_id for job in jobs],
    )
