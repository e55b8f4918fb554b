"""Search box: the line for a query, and the project that it goes to."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.content import Content
from textual.widgets import Input, Static

from coco_local.tui.figures import one_line

__all__ = ["SearchBox", "SearchInput"]


class SearchInput(Input):
    """Moves the cursor of the results and scrolls the code without losing the focus."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "screen.open_hit", "Open", key_display="Enter"),
        Binding("up", "screen.move_hit(-1)", "Previous", show=False),
        Binding("down", "screen.move_hit(1)", "Next", key_display="↓"),
        Binding("pageup", "screen.scroll_code(-1)", "Scroll up", show=False),
        Binding("pagedown", "screen.scroll_code(1)", "Scroll", key_display="PgDn"),
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

    def scope(self, project: str | None) -> None:
        """Name the project that the query goes to."""
        words = Content.empty()
        if project:
            words = Content.assemble(("in ", "$faint"), (one_line(project), "$muted"))
        self.query_one("#scope", Static).update(words)
