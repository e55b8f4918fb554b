"""What the keys of a screen set off outside of it; the app does it."""

from __future__ import annotations

from typing import Protocol

from coco_local.tui.found import Found
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

    def open_place(self, project: ProjectBody, found: Found) -> None:
        """Open a found place in the user's editor."""
        ...

    def copy_place(self, project: ProjectBody, found: Found) -> None:
        """Put ``path:line`` onto the clipboard."""
        ...

    def switch_theme(self) -> None:
        """Light when it was dark, and back."""
        ...

    def action_close(self) -> None:
        """Close the dashboard, after asking where that is not clear."""
        ...
