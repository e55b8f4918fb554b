"""Dashboard application: threads, themes, and actions outside the screen."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import App, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.widgets import Input

from coco_core.errors import CocoError
from coco_local.client.http_client import Client
from coco_local.tui.dashboard import DashboardScreen
from coco_local.tui.dialogs import QuitChoice, QuitDialog
from coco_local.tui.editor import EditorCommand, editor_command
from coco_local.tui.feed import Feed
from coco_local.tui.found import Found
from coco_local.tui.messages import (
    ActionFailed,
    ActionFinished,
    Closing,
    ConnectionLost,
    StatusArrived,
)
from coco_local.tui.theme import DARK, LIGHT, preferred_theme
from coco_protocol.docs import ImportRequest
from coco_protocol.local import LocalService
from coco_protocol.projects import ProjectBody, ProjectRequest

__all__ = ["CocoApp"]


class CocoApp(App[bool]):
    """Returns True when the daemon shall go on running."""

    TITLE = "CoCo"
    CSS_PATH = "coco.tcss"
    ENABLE_COMMAND_PALETTE = False
    # Where panels begin to stand side by side, and where all of them have room below each other.
    # Textual annotates these as instance variables, so ClassVar would not type-check.
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012  # see above
        (0, "-narrow"),
        (100, "-wide"),
        (160, "-widest"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012  # see above
        (0, "-low"),
        (36, "-high"),
        (52, "-highest"),
    ]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True),
        Binding("ctrl+q", "close", "Quit", show=False, priority=True),
    ]

    def __init__(
        self,
        client: LocalService,
        address: str,
        *,
        owns_daemon: bool,
        closing: threading.Event | None = None,
        environ: Mapping[str, str] | None = None,
        place: Path | None = None,
    ) -> None:
        """Take the client, whether closing the app closes the daemon, and where the user works."""
        super().__init__()
        self.client = client
        self.owns_daemon = owns_daemon
        self.environ = os.environ if environ is None else environ
        self.feed = Feed(client, self.post_message, closing)
        self.dashboard = DashboardScreen(address, self, place or _working_directory())
        self.register_theme(DARK)
        self.register_theme(LIGHT)
        self.theme = preferred_theme(self.environ)

    @classmethod
    def connect(
        cls,
        base_url: str,
        *,
        owns_daemon: bool,
        api_key: str | None,
        closing: threading.Event | None,
        place: Path | None = None,
    ) -> CocoApp:
        """An app over the daemon at ``base_url``, whether or not it answers yet."""
        client = Client(base_url, api_key=api_key)
        return cls(client, base_url, owns_daemon=owns_daemon, closing=closing, place=place)

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Our own color names, also under a theme that lacks them."""
        return DARK.variables

    def on_mount(self) -> None:
        """Show the dashboard and start asking."""
        self.push_screen(self.dashboard)
        self.feed.start()

    def on_unmount(self) -> None:
        """Stop asking."""
        self.feed.stop()

    def on_app_focus(self) -> None:
        """Somebody looks again."""
        self.feed.focused = True
        self.feed.refresh()

    def on_app_blur(self) -> None:
        """Nobody looks: ask rarely."""
        self.feed.focused = False

    @on(StatusArrived)
    @on(ConnectionLost)
    def _pass_on(self, event: events.Event) -> None:
        """The feed speaks to the app; the dashboard listens, also under a dialog."""
        if self.dashboard.is_mounted:
            self.dashboard.post_message(event)

    @on(Closing)
    def _close_with_daemon(self) -> None:
        self.exit(False)

    @on(ActionFinished)
    def _notify_success(self, event: ActionFinished) -> None:
        self.notify(event.text, markup=False)
        self.feed.refresh()

    @on(ActionFailed)
    def _notify_failure(self, event: ActionFailed) -> None:
        self.notify(event.text, severity=event.severity, markup=False)

    def action_interrupt(self) -> None:
        """What ctrl+c is taken for: copy when something is selected, else close."""
        if isinstance(self.focused, Input) and self.focused.selected_text:
            self.focused.action_copy()
        else:
            self.action_close()

    def action_close(self) -> None:
        """Ask what becomes of the daemon when it is ours; twice means stop."""
        if not self.owns_daemon:
            self.exit(True)
        elif isinstance(self.screen, QuitDialog):
            self.exit(False)
        else:
            self.push_screen(QuitDialog(), self._close_as_chosen)

    def _close_as_chosen(self, choice: QuitChoice | None) -> None:
        if choice is not None:
            self.exit(choice == "leave")

    def switch_theme(self) -> None:
        """Light when it was dark, and back."""
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def rescan(self, project: ProjectBody) -> None:
        """Ask the daemon to look for changes."""
        request = ProjectRequest(project_id=project.project_id)

        def rescan() -> str:
            self.client.rescan(request)
            return f"Rescanning {project.name}"

        self._do(rescan)

    def import_path(self, path: str, recursive: bool) -> None:
        """Ask the daemon to import a directory."""
        request = ImportRequest(paths=[path], recursive=recursive)

        def import_paths() -> str:
            return "\n".join([f"Importing {path}", *self.client.import_paths(request).notices])

        self._do(import_paths)

    def _do(self, action: Callable[[], str]) -> None:
        """Run a request off the event loop and post how it ended; it returns what to say."""

        def run() -> None:
            try:
                done = action()
            except CocoError as error:
                self.post_message(ActionFailed(str(error)))
            else:
                self.post_message(ActionFinished(done))

        self.run_worker(run, thread=True, group="actions")

    def open_place(self, project: ProjectBody, found: Found) -> None:
        """Open a found place in the user's editor, or copy it when no editor is named."""
        path = str(Path(project.root) / found.path)
        command = editor_command(self.environ, path, found.first_line)
        if command is None:
            self.copy_place(project, found)
        else:
            self._run_editor(command)

    def copy_place(self, project: ProjectBody, found: Found) -> None:
        """Put ``path:line`` onto the clipboard."""
        self.copy_to_clipboard(str(Path(project.root) / found.place))
        self.notify(found.place, title="Copied", markup=False)

    def _run_editor(self, command: EditorCommand) -> None:
        if not command.in_terminal:
            # Its own window may stay open longer than the dashboard: nobody waits for this thread.
            threading.Thread(target=self._start, args=(command,), daemon=True).start()
            return
        try:
            with self.suspend():
                self._start(command)
        except SuspendNotSupported:
            self.post_message(ActionFailed("This terminal cannot be lent to an editor."))

    def _start(self, command: EditorCommand) -> None:
        """Run the editor to its end."""
        output = None if command.in_terminal else subprocess.DEVNULL
        try:
            subprocess.run(command.arguments, stdout=output, stderr=output, check=False)
        except OSError as error:
            name = command.arguments[0]
            reason = error.strerror or type(error).__name__
            text = f"Cannot start the editor {name!r}: {reason}. Set EDITOR."
            self.post_message(ActionFailed(text))


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except OSError:
        # It was deleted; then nothing says which project is meant.
        return Path.home()
