"""Searching an index: query and related."""

from __future__ import annotations

from coco_local.operations.context import FUNCTIONS, Context
from coco_local.search.several import query_several
from coco_protocol.docs import QueryEnvelope, QueryRequest, RelatedRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.query)
def query(context: Context, request: QueryRequest) -> QueryEnvelope:
    """Search a project, or several together."""
    if request.projects or request.all_projects:
        return query_several(context.queries, request)
    return context.queries.query(request)


@FUNCTIONS.answers(LocalService.related)
def related(context: Context, request: RelatedRequest) -> QueryEnvelope:
    """Search for chunks like the one at a place."""
    return context.queries.related(request)
