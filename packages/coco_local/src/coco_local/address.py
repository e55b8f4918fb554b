"""Where the daemon of this home listens."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coco_local.settings import Settings

__all__ = ["daemon_url"]


def daemon_url(settings: Settings) -> str:
    """Return the address in the daemon's lock, else the one in the settings.

    Whether anything listens there is not asked: the first request tells.
    """
    try:
        record = json.loads(settings.home.lock.read_text(encoding="utf-8"))
        port = record["port"]
    except (OSError, ValueError, KeyError, TypeError):
        # No lock, or one that is being written: the settings are the best guess.
        return settings.base_url
    if not isinstance(port, int) or not 0 < port < 65_536:
        return settings.base_url
    host, _, _ = settings.base_url.rpartition(":")
    return f"{host}:{port}"
