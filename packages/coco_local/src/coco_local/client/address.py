"""The address of the daemon of this home."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coco_local.settings import Settings

__all__ = ["daemon_url", "reachable_url"]

# An address that stands for all of a machine's is reached through its own.
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def daemon_url(settings: Settings) -> str:
    """Return the address in the daemon's lock, else the one in the settings.

    Whether its process lives is not asked, for the first request shows it; and so the lock is read
    here without what its owner needs to check it.
    """
    try:
        record = json.loads(settings.home.lock.read_text(encoding="utf-8"))
        host, port = str(record["host"]), int(record["port"])
    except (OSError, ValueError, KeyError, TypeError):
        # No lock, or one that is just being written: the settings are the best guess.
        return settings.base_url
    return reachable_url(host, port)


def reachable_url(host: str, port: int) -> str:
    """Return the base URL of a daemon that listens on ``host``, as this machine reaches it."""
    host = _LOOPBACK.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
