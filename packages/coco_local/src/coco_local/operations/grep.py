"""Text search in a project's files."""

from __future__ import annotations

from coco_local.operations.context import CATCH_UP_SECONDS, FUNCTIONS, Context
from coco_local.search.grep import grep_project
from coco_protocol.grep import GrepData, GrepRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.grep)
def grep(context: Context, request: GrepRequest) -> GrepData:
    """Return matching lines of a project's text files."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    with context.gate.query():
        indexer.backlog.sync()
        indexer.catch_up(None, CATCH_UP_SECONDS)
        return grep_project(indexer, request)
