"""What the keys of a screen set off outside of it; the app does it."""

from __future__ import annotations

from typing import Protocol

from coco_protocol.docs import Hit
from coco_protocol.local import LocalService
from coco_protocol.projects import ProjectBody

__all__ = ["AppActions"]


class AppActions(Protocol):
    """Requests to the daemon, the editor, the clipboard, and leaving."""

    @property
    def client(self) -> LocalService:
        """Where searches are sent."""
        ...

    def rescan(self, project: ProjectBody) -> None:
        """Ask the daemon to look for changes."""
        ...

    def import_path(self, path: str, recursive: bool) -> None:
        """Ask the daemon to import a directory."""
        ...

    def open_hit(self, project: ProjectBody, hit: Hit) -> None:
        """Open the hit in the user's editor."""
        ...

    def copy_place(self, project: ProjectBody, hit: Hit) -> None:
        """Put ``path:line`` onto the clipboard."""
        ...

    def switch_theme(self) -> None:
        """Light when it was dark, and back."""
        ...

    def action_close(self) -> None:
        """Close the dashboard, after asking where that is not clear."""
        ...
