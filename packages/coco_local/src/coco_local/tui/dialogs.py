"""Dialogs: import a directory, choose a project, stop the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.suggester import Suggester
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from coco_local.tui.drawing import spread
from coco_local.tui.figures import one_line, tail
from coco_local.tui.panels.project_state import state_mark
from coco_protocol.projects import ProjectBody

__all__ = ["ImportDialog", "PickDialog", "QuitChoice", "QuitDialog"]

QuitChoice = Literal["leave", "stop"]

# Cells inside the frame of a dialog; see #dialog in coco.tcss.
_INNER = 58

_CANCEL: BindingType = Binding("escape", "dismiss(None)", "Cancel")


class QuitDialog(ModalScreen[QuitChoice | None]):
    """Asked when the daemon lives in this process."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _CANCEL,
        Binding("l", "dismiss('leave')", "Leave running", show=False),
        Binding("s", "dismiss('stop')", "Stop", show=False),
    ]

    def compose(self) -> ComposeResult:
        """Two choices; the cursor is on the one that loses nothing."""
        with Vertical(id="dialog") as dialog:
            dialog.border_title = "Close the dashboard"
            yield Static(
                Content.styled("The daemon watches your projects and answers queries.", "$muted")
            )
            yield OptionList(
                Option(_choice("l", "Leave it running", "coco tui shows it again"), id="leave"),
                Option(_choice("s", "Stop it", "coco start brings it back"), id="stop"),
                compact=True,
            )
            yield _keys(("Enter", "choose"), ("Esc", "cancel"))

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss("leave" if event.option_id == "leave" else "stop")


class FilterInput(Input):
    """Moves the cursor of the list below without losing the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "screen.move(-1)", "Previous", show=False),
        Binding("down", "screen.move(1)", "Next", show=False),
    ]


class PickDialog(ModalScreen[str | None]):
    """Which project searches go to; typing keeps those whose name or path has the typed words."""

    BINDINGS: ClassVar[list[BindingType]] = [_CANCEL]

    def __init__(self, projects: Sequence[ProjectBody], chosen: str | None) -> None:
        super().__init__()
        self._projects = projects
        self._chosen = chosen

    def compose(self) -> ComposeResult:
        """A line to type in, and one line a project."""
        with Vertical(id="dialog") as dialog:
            dialog.border_title = "Search in"
            yield FilterInput(placeholder="Type to filter", id="filter", compact=True)
            yield OptionList(compact=True)
            yield _keys(("Enter", "choose"), ("↑ ↓", "move"), ("Esc", "cancel"))

    def on_mount(self) -> None:
        """Start at the chosen one."""
        self._show("")

    @on(Input.Changed, "#filter")
    def _filter(self, event: Input.Changed) -> None:
        self._show(event.value)

    def _show(self, typed: str) -> None:
        words = typed.casefold().split()
        shown = [project for project in self._projects if _has_words(project, words)]
        options = self.query_one(OptionList)
        options.set_options([Option(_project(each), id=each.project_id) for each in shown])
        ids = [project.project_id for project in shown]
        if ids:
            options.highlighted = ids.index(self._chosen) if self._chosen in ids else 0
        dialog = self.query_one("#dialog", Vertical)
        dialog.border_subtitle = f"{len(shown)} of {len(self._projects)}" if words else ""

    def action_move(self, step: int) -> None:
        """Move the cursor of the list."""
        options = self.query_one(OptionList)
        if options.option_count:
            at = (options.highlighted or 0) + step
            options.highlighted = min(options.option_count - 1, max(0, at))

    @on(Input.Submitted, "#filter")
    def _choose_highlighted(self) -> None:
        option = self.query_one(OptionList).highlighted_option
        if option is not None:
            self.dismiss(option.id)

    @on(OptionList.OptionSelected)
    def _choose(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)


class ImportDialog(ModalScreen[tuple[str, bool] | None]):
    """A directory to import, and whether to look for repositories below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        _CANCEL,
        Binding("ctrl+r", "recursive", "Each repository below", priority=True),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._recursive = False

    def compose(self) -> ComposeResult:
        """A path, completed from the file system; an error stands below it."""
        with Vertical(id="dialog") as dialog:
            dialog.border_title = "Import a directory"
            yield Input(
                str(Path.cwd()), suggester=DirectorySuggester(), id="path", select_on_focus=False
            )
            yield Static("", id="problem")
            yield Static(self._recursion(), id="recursion")
            yield _keys(("Enter", "import"), ("→", "complete"), ("Esc", "cancel"))

    def action_recursive(self) -> None:
        """Switch between the directory and each repository below it."""
        self._recursive = not self._recursive
        self.query_one("#recursion", Static).update(self._recursion())

    def _recursion(self) -> Content:
        mark = ("●", "$accent") if self._recursive else ("○", "$muted")
        key = ("   ctrl+r", "$faint")
        return Content.assemble(mark, (" each repository below it", "$muted"), key)

    @on(Input.Submitted)
    async def _submit(self, event: Input.Submitted) -> None:
        path, problem = await asyncio.to_thread(_directory, event.value.strip() or ".")
        if not problem:
            self.dismiss((path, self._recursive))
            return
        shown = tail(path, _INNER - len(problem) - 3)
        self.query_one("#problem", Static).update(Content.styled(f"{shown} {problem}", "$error"))


class DirectorySuggester(Suggester):
    """Completes the last part of a path with the first directory that begins so."""

    def __init__(self) -> None:
        # The file system changes while the dialog is open.
        super().__init__(use_cache=False, case_sensitive=True)

    async def get_suggestion(self, value: str) -> str | None:
        """The value with its last part completed, or None."""
        return await asyncio.to_thread(_complete, value)


def _directory(value: str) -> tuple[str, str]:
    """The whole path of what was typed, and what is wrong with it, if anything."""
    path = Path(value)
    try:
        path = path.expanduser().resolve()
        if path.is_dir():
            return str(path), ""
        return str(path), "is not a directory" if path.exists() else "does not exist"
    except (OSError, RuntimeError, ValueError):
        # An unknown ~user, a null byte, a loop of links.
        return value, "is not a path"


def _complete(value: str) -> str | None:
    parent, _, begun = value.rpartition("/")
    if not parent and not value.startswith("/"):
        return None
    try:
        names = sorted(
            entry.name
            for entry in Path(parent or "/").expanduser().iterdir()
            if entry.name.startswith(begun) and entry.is_dir()
        )
    except (OSError, RuntimeError, ValueError):
        return None
    names = [name for name in names if begun or not name.startswith(".")]
    return f"{parent}/{names[0]}" if names else None


def _choice(key: str, words: str, explained: str) -> Content:
    left = Content.assemble((f" {key} ", "$accent bold"), " ", (words, "$strong"))
    return spread(_INNER - 1, left, Content.styled(explained, "$muted"))


def _project(project: ProjectBody) -> Content:
    mark, style = state_mark(project.state)
    left = Content.assemble(" ", (mark, style), " ", (one_line(project.name), "$strong"))
    return spread(_INNER - 1, left, Content.styled(tail(project.root, 30), "$muted"))


def _has_words(project: ProjectBody, words: Sequence[str]) -> bool:
    text = f"{project.name} {project.root}".casefold()
    return all(word in text for word in words)


def _keys(*keys: tuple[str, str]) -> Static:
    parts: list[tuple[str, str]] = []
    for key, words in keys:
        parts += [(key, "$accent"), (f" {words}   ", "$muted")]
    return Static(Content.assemble(*parts), classes="keys")
