"""Reading the lines around a hit, for the preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coco_core.errors import CocoError
from coco_local.tui.messages import Excerpt
from coco_local.tui.source import highlight_lines
from coco_protocol.docs import Hit, ReadRequest

if TYPE_CHECKING:
    from coco_protocol.local import LocalService

__all__ = ["read_excerpt"]

# A hit this near to the top is read from line 1, so that strings and comments over several lines
# are colored right; further down that would cost more than it gives.
_FROM_TOP = 400
# Lines around the hit otherwise.
_BEFORE, _AFTER = 120, 200


def read_excerpt(client: LocalService, hit: Hit, project_id: str) -> Excerpt:
    """The file around ``hit`` as it is on disk; the hit's own text when it cannot be read."""
    chunk = hit.chunk
    path = chunk.path or chunk.doc_id
    start = chunk.start_line or 1
    end = chunk.end_line or start + chunk.content.count("\n")
    first = 1 if start <= _FROM_TOP else start - _BEFORE
    request = ReadRequest(
        doc_id=chunk.doc_id, project_id=project_id, start_line=first, end_line=end + _AFTER
    )
    try:
        read = client.read(request)
    except CocoError:
        # Gone or unreadable since: the hit still carries what was found.
        lines = highlight_lines(chunk.content, path, chunk.language)
        return Excerpt(path, start, lines, start, end)
    lines = highlight_lines(read.content.removesuffix("\n"), path, read.language)
    return Excerpt(path, read.start_line, lines, start, end)
