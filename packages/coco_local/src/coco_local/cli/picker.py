"""Interactive picker: the results of a query, the code of the one under the cursor."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.syntax import Syntax
from textual.app import App, ComposeResult, SuspendNotSupported
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Footer, OptionList, Static
from textual.widgets.option_list import Option

from coco_core.errors import CocoError, InvalidInput
from coco_core.terminal_text import visible
from coco_local.cli.display import path_of
from coco_local.cli.hit_view import shown_lines
from coco_local.cli.opening import place_in_file, required_editor, run_editor
from coco_protocol.docs import ReadRequest

if TYPE_CHECKING:
    from coco_local.cli.places import Places
    from coco_local.cli.terminal import Terminal
    from coco_protocol.docs import Hit
    from coco_protocol.local import LocalService

__all__ = ["Picker", "pick_and_open"]

# Lines of the file around the place: enough to scroll a little, quick to highlight.
_BEFORE, _AFTER = 40, 80
# Rows above the place, so that one sees where it stands.
_ABOVE = 2


class Picker(App[None]):
    """Arrow keys choose, Enter opens the result in the editor, Escape ends."""

    ENABLE_COMMAND_PALETTE = False
    # From this width on, the code is next to the list.
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012  # as Textual has it
    CSS = """
    Screen { layout: vertical; }
    Screen.-wide { layout: horizontal; }
    OptionList { height: 9; border: none; padding: 0; text-wrap: nowrap; text-overflow: ellipsis; }
    Screen.-wide OptionList { width: 45%; height: 1fr; }
    VerticalScroll { height: 1fr; border-top: solid $panel; }
    Screen.-wide VerticalScroll { width: 1fr; border-top: none; border-left: solid $panel; }
    #code { width: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", priority=True),
        Binding("pagedown", "scroll_code(1)", "Code down", priority=True),
        Binding("pageup", "scroll_code(-1)", "Code up", priority=True),
        Binding("escape", "quit", "Quit", priority=True),
        Binding("q,ctrl+c", "quit", "Quit", show=False, priority=True),
    ]

    def __init__(
        self, client: LocalService, places: Places, hits: Sequence[Hit], query: str
    ) -> None:
        """Take results to choose from; at least one."""
        super().__init__()
        self._client = client
        self._places = places
        self._hits = hits
        self._asked = query

    def compose(self) -> ComposeResult:
        """The list, the code, and the keys."""
        yield OptionList(
            *(Option(self._row(hit)) for hit in self._hits), markup=False, compact=True
        )
        with VerticalScroll():
            yield Static(id="code")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin with the best result."""
        self.query_one(OptionList).highlighted = 0
        self.query_one(OptionList).focus()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        """Show the code of the result under the cursor."""
        self._show(self._hits[event.option_index])

    def action_scroll_code(self, direction: int) -> None:
        """Scroll the code by most of a page."""
        pane = self.query_one(VerticalScroll)
        pane.scroll_relative(y=direction * max(1, pane.size.height - 2), animate=False)

    def action_open(self) -> None:
        """Open the result under the cursor; the picker stays."""
        chosen = self.query_one(OptionList).highlighted or 0
        path, line = place_in_file(self._places, self._hits[chosen], self._asked)
        try:
            command = required_editor(path, line)
            if command.in_terminal:
                with self.suspend():
                    run_editor(command)
            else:
                run_editor(command)
        except SuspendNotSupported:
            self.notify("This terminal cannot be lent to an editor.", severity="error")
        except CocoError as error:
            self.notify(str(error), severity="error", markup=False)

    def _row(self, hit: Hit) -> Content:
        lines = shown_lines(hit, self._asked)
        place = f":{lines[0].number}" if hit.chunk.start_line is not None else ""
        chunk = hit.chunk
        name = chunk.symbol or " > ".join(chunk.heading_trail) or chunk.kind.replace("_", " ")
        return Content.assemble(
            (visible(f"{self._places.of(hit).shown(path_of(hit))}{place}"), "$text-accent"),
            "  ",
            visible(name),
        )

    def _show(self, hit: Hit) -> None:
        """Show the file around the place as it is on disk, the place's lines marked."""
        lines = shown_lines(hit, self._asked)
        first, last = lines[0].number, lines[-1].number
        request = ReadRequest(
            doc_id=path_of(hit),
            project_id=self._places.of(hit).project_id,
            start_line=max(1, first - _BEFORE),
            end_line=last + _AFTER,
        )
        try:
            read = self._client.read(request)
            text, start = read.content, read.start_line
        except CocoError:
            # Gone since: the hit still carries what was found.
            text, start = hit.chunk.content, hit.chunk.start_line or 1
        text = visible(text.expandtabs(4))
        code = Syntax(
            text,
            Syntax.guess_lexer(path_of(hit), text),
            theme="ansi_dark",
            background_color="default",
            line_numbers=True,
            start_line=start,
            highlight_lines=set(range(first, last + 1)),
        )
        self.query_one("#code", Static).update(code)
        pane = self.query_one(VerticalScroll)
        self.call_after_refresh(
            pane.scroll_to, y=max(0, first - start - _ABOVE), animate=False, immediate=True
        )


def pick_and_open(
    terminal: Terminal, client: LocalService, places: Places, hits: Sequence[Hit], query: str
) -> None:
    """Let the user choose among the results; each chosen one is opened.

    Raises:
        InvalidInput: there is no terminal to choose on.
    """
    if terminal.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise InvalidInput(
            "Choosing among results needs a terminal.", hint="Leave --interactive out."
        )
    Picker(client, places, hits, query).run()
