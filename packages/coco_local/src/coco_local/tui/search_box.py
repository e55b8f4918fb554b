"""Search box: the line for a query, and the project that it goes to."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from coco_local.tui.figures import one_line
from coco_local.tui.lookup import LookupKind

__all__ = ["SearchBox", "SearchInput"]

_SCOPES = {"search": "in ", "text": "text in "}


class SearchInput(Input):
    """Moves the cursor of the results and scrolls the code without losing the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open_place", "Open", key_display="Enter"),
        Binding("up", "screen.move_choice(-1)", "Previous", show=False),
        Binding("down", "screen.move_choice(1)", "Next", show=False),
        Binding("pageup", "screen.scroll_code(-1)", "Scroll up", show=False),
        Binding("pagedown", "screen.scroll_code(1)", "Scroll down", show=False),
        Binding("alt+left", "screen.scroll_sideways(-1)", "Scroll left", show=False),
        Binding("alt+right", "screen.scroll_sideways(1)", "Scroll right", show=False),
    ]


class SearchBox(Horizontal):
    """A prompt, the input, and the project's name."""

    def compose(self) -> ComposeResult:
        """Three on a line."""
        yield Static("\N{HEAVY RIGHT-POINTING ANGLE QUOTATION MARK ORNAMENT}", id="prompt")
        yield SearchInput(
            placeholder="Search code and docs", id="query", compact=True, select_on_focus=False
        )
        yield Static("", id="scope")

    def scope(self, project: str | None, kind: LookupKind) -> None:
        """Name the project that the query goes to, and what typing asks for."""
        words = Content.empty()
        if project:
            words = Content.assemble((_SCOPES[kind], "$faint"), (one_line(project), "$muted"))
        self.query_one("#scope", Static).update(words)
