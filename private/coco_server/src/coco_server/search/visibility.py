"""The chunks of a version that a viewer is shown: decided before anything is ranked or counted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coco_server.store import access
from coco_server.store.access import Viewer
from coco_server.store.session import TenantSession
from coco_server.store.versions import Version

__all__ = ["visible_chunks", "visible_keys"]


def visible_chunks(
    session: TenantSession, version: Version, viewer: Viewer
) -> NDArray[np.bool_] | None:
    """Return bool[keys] of a version; None when all of it is shown, which costs nothing."""
    if viewer.everything or not version.restricted:
        return None
    visible = ~access.hidden_keys(session, version.parts, viewer, version.chunk_count)
    return None if visible.all() else visible


def visible_keys(
    session: TenantSession, version: Version, viewer: Viewer
) -> NDArray[np.int32] | None:
    """Return int32[n], the keys of the chunks that are shown, ascending; None when all are."""
    visible = visible_chunks(session, version, viewer)
    return None if visible is None else np.flatnonzero(visible).astype(np.int32)
