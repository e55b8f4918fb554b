"""Searching an index: query and related."""

from __future__ import annotations

from coco_local.operations.context import FUNCTIONS, Context
from coco_protocol.docs import QueryEnvelope, QueryRequest, RelatedRequest
from coco_protocol.local import LocalService


@FUNCTIONS.answers(LocalService.query)
def query(context: Context, request: QueryRequest) -> QueryEnvelope:
    """Search a project."""
    return context.queries.query(request)


@FUNCTIONS.answers(LocalService.related)
def related(context: Context, request: RelatedRequest) -> QueryEnvelope:
    """Search for chunks like the one at a place."""
    return context.queries.related(request)
