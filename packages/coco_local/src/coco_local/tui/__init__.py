"""Terminal dashboard: activity of the daemon, and a search with a code preview.

It talks to the daemon over HTTP only, also when the daemon runs in the same process.
"""

from __future__ import annotations

import threading
from pathlib import Path

__all__ = ["run_tui"]


def run_tui(
    base_url: str,
    *,
    owns_daemon: bool,
    api_key: str | None = None,
    closing: threading.Event | None = None,
    place: Path | None = None,
) -> bool:
    """Show the dashboard until it is closed; True when the daemon shall go on running.

    Args:
        base_url: where the daemon listens, for instance ``http://127.0.0.1:3456``.
        owns_daemon: the daemon lives in this process, so closing asks what becomes of it.
        api_key: sent when the daemon's host was opened to others.
        closing: when set, the dashboard closes by itself (the daemon is being stopped).
        place: searches go to the project around it; by default the working directory.
    """
    # Textual costs 0.3 s to import: only the one command that draws pays for it.
    from coco_local.tui.app import CocoApp

    app = CocoApp.connect(
        base_url, owns_daemon=owns_daemon, api_key=api_key, closing=closing, place=place
    )
    return bool(app.run())
