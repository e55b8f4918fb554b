"""Starting the jobs that index: import_paths and index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from coco_local.indexing.indexer import ProjectIndexer
from coco_local.operations.context import FUNCTIONS, Context
from coco_local.projects.importing import Contents, repositories
from coco_local.settings import Settings
from coco_protocol.docs import ImportData, ImportRequest, IndexRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.import_paths)
def import_paths(context: Context, request: ImportRequest) -> ImportData:
    """Register directories and index them."""
    paths = request.paths
    if request.recursive:
        paths = [path for parent in paths for path in _repositories(parent, context.settings)]
    config_id = request.indexing_config_id
    registry = context.registry
    if len(paths) > 1:
        # All or none: what came before a refused one would be registered and not indexed.
        for path in paths:
            registry.examine(path, standalone=request.standalone)
    done = [
        registry.register(path, config_id=config_id, standalone=request.standalone)
        for path in paths
    ]
    started = _start_jobs(context, [registry.add_index(each.project, config_id) for each in done])
    notices = [notice for each in done for notice in each.notices]
    return started.model_copy(update={"notices": notices})


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


def _repositories(parent: str, settings: Settings) -> list[str]:
    """Return the repositories at and below a directory that have files; itself without any."""
    found = list(repositories(Path(parent).expanduser()))
    # One whose files are all in its work trees has none of its own.
    return [str(p) for p in found if not Contents(p, settings).only_repositories] or [parent]


def _start_jobs(context: Context, indexers: Sequence[ProjectIndexer]) -> ImportData:
    jobs = [context.registry.index_job(indexer) for indexer in indexers]
    context.wake_worker()
    return ImportData(
        project_ids=[indexer.project.project_id for indexer in indexers],
        job_ids=[job.job_id for job in jobs],
    )
