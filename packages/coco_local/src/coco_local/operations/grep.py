"""Text search in a project's files."""

from __future__ import annotations

from coco_local.operations.context import FUNCTIONS, Context
from coco_local.operations.current import LISTING, catch_up
from coco_local.search.grep import grep_project
from coco_protocol.grep import GrepData, GrepRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.grep)
def grep(context: Context, request: GrepRequest) -> GrepData:
    """Return matching lines of a project's text files."""
    indexer = context.registry.resolve(request.project_id, request.path).active
    context.registry.check_globs(indexer.project, request.include)
    with context.gate.query():
        listed = catch_up(indexer)
        data = grep_project(indexer, request)
    if listed:
        return data
    notice = f"{LISTING} {data.notice or ''}".rstrip()
    return data.model_copy(update={"notice": notice})
