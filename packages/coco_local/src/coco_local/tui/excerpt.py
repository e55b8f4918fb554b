"""Reading the lines around a found place, for the preview."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coco_core.errors import CocoError
from coco_local.tui.found import Found
from coco_local.tui.messages import Excerpt
from coco_local.tui.source import highlight_lines
from coco_protocol.docs import ReadRequest

if TYPE_CHECKING:
    from coco_protocol.local import LocalService

__all__ = ["read_excerpt"]

# A place this near to the top is read from line 1, so that strings and comments over several lines
# are colored right; further down that would cost more than it gives.
_FROM_TOP = 400
# Lines around the place otherwise.
_BEFORE, _AFTER = 120, 200


def read_excerpt(client: LocalService, found: Found, project_id: str) -> Excerpt:
    """The file around a place as it is on disk; the place's own text when it cannot be read."""
    start = found.start_line
    first = 1 if start <= _FROM_TOP else start - _BEFORE
    request = ReadRequest(
        doc_id=found.path,
        project_id=project_id,
        start_line=first,
        end_line=found.end_line + _AFTER,
    )
    try:
        read = client.read(request)
    except CocoError:
        # Gone or unreadable since: what was found is still known.
        lines = highlight_lines(found.text, found.path, found.language)
        return Excerpt(found, start, lines)
    lines = highlight_lines(read.content.removesuffix("\n"), found.path, read.language)
    return Excerpt(found, read.start_line, lines)
