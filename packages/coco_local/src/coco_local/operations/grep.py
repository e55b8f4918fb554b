"""Text search in a project's files."""

from __future__ import annotations

from coco_local.operations.context import CATCH_UP_SECONDS, FUNCTIONS, Context
from coco_local.search.grep import grep_project
from coco_local.search.service import FIRST_SCAN_SECONDS
from coco_protocol.grep import GrepData, GrepRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.grep)
def grep(context: Context, request: GrepRequest) -> GrepData:
    """Return matching lines of a project's text files."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    context.registry.check_globs(indexer.project, request.include)
    with context.gate.query():
        indexer.backlog.sync()
        listed = indexer.backlog.wait_scanned(FIRST_SCAN_SECONDS)
        indexer.catch_up(None, CATCH_UP_SECONDS)
        data = grep_project(indexer, request)
    if listed:
        return data
    notice = f"The project's files are still being listed. {data.notice or ''}".rstrip()
    return data.model_copy(update={"notice": notice})
