"""The chunks of a version that a viewer is shown: decided before anything is ranked or counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coco_server.store import access, segments
from coco_server.store.access import Viewer
from coco_server.store.segments import Layout
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["shown_chunks", "shown_keys"]


def shown_chunks(
    session: TenantSession, version: Version, layout: Layout, viewer: Viewer
) -> tuple[NDArray[np.bool_], int] | None:
    """Return bool[span] of a version, false for what is removed or hidden, and how many are shown.

    None when no chunk is hidden, which most versions know without a look. Keys that no chunk has
    any more, since a compaction, are true: so the mask does not say how many there are.
    """
    if viewer.everything or not version.restricted:
        return None
    numbers = [each.segment_no for each in layout.parts]
    hidden = access.hidden_keys(session, numbers, viewer, layout.span)
    live = layout.live()
    if live is not None:
        hidden &= live
    if not hidden.any():
        return None
    shown = ~hidden if live is None else live & ~hidden
    return shown, version.chunk_count - int(hidden.sum())


def shown_keys(
    session: TenantSession, version: Version, viewer: Viewer
) -> NDArray[np.int32] | None:
    """Return int32[n], the keys of what is shown, ascending; None when no chunk is hidden."""
    shown = shown_chunks(session, version, segments.layout(session, version), viewer)
    return None if shown is None else np.flatnonzero(shown[0]).astype(np.int32)
