"""Search view: results while typing, and the code of the selected one."""

from __future__ import annotations

import textwrap
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.content import Content
from textual.timer import Timer
from textual.widgets import OptionList

from coco_core.errors import CocoError
from coco_local.tui.excerpt import read_excerpt
from coco_local.tui.figures import milliseconds
from coco_local.tui.found import Found
from coco_local.tui.latest import Latest
from coco_local.tui.lookup import Lookup, LookupKind, look_up
from coco_local.tui.messages import Listed, LookupFailed, PreviewReady
from coco_local.tui.preview import CodePreview
from coco_local.tui.results import ResultList
from coco_local.tui.search_words import parse_search

if TYPE_CHECKING:
    from coco_protocol.local import LocalService

__all__ = ["SearchView"]

# Long enough to skip the letters inside a word, short enough to feel immediate.
_DEBOUNCE = 0.08

_INVITATIONS = {
    "search": "Type what the code does, or a name in it",
    "text": "Type text as it stands in the files; /between slashes/ it is a regular expression",
}


@dataclass(frozen=True, slots=True)
class _Asked:
    sequence: int
    lookup: Lookup


@dataclass(frozen=True, slots=True)
class _Wanted:
    sequence: int
    found: Found
    project_id: str


class SearchView(Container):
    """Two panes; typing asks after a pause, and an answer that came too late is not shown."""

    def __init__(self, client: LocalService, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._client = client
        self._sequence = 0
        self._previewed = 0
        self._shown: Found | None = None
        self._text = ""
        self._project_id: str | None = None
        self._lookup: Lookup | None = None
        self._typed_kind: LookupKind = "search"
        self._timer: Timer | None = None
        self._lookups = Latest("tui-search", self._answer)
        self._wanted = Latest("tui-preview", self._read)

    def compose(self) -> ComposeResult:
        """Results, then code."""
        yield ResultList(id="results")
        yield CodePreview(id="preview")

    def on_mount(self) -> None:
        """Start the two threads that ask."""
        self._lookups.start()
        self._wanted.start()

    def on_unmount(self) -> None:
        """Let them end."""
        self._lookups.stop()
        self._wanted.stop()

    def join(self) -> None:
        """Wait for the requests in hand, after the view was removed."""
        self._lookups.join()
        self._wanted.join()

    @property
    def results(self) -> ResultList:
        """The list of what was found."""
        return self.query_one(ResultList)

    @property
    def code(self) -> CodePreview:
        """The preview."""
        return self.query_one(CodePreview)

    @property
    def typed_kind(self) -> LookupKind:
        """What typing asks for: a search, or lines with the text."""
        return self._typed_kind

    def switch_kind(self) -> None:
        """Ask for lines with the typed text instead of a search, and back."""
        self._typed_kind = "text" if self._typed_kind == "search" else "search"
        self.ask(self._text, self._project_id)

    def ask(self, text: str, project_id: str | None) -> None:
        """Search for ``text`` once typing pauses; whatever is under way is no longer wanted."""
        self._text, self._project_id = text, project_id
        self._forget_asked()
        self._lookup = None
        if project_id is None:
            self._say("No project to search in: press Esc, then i to import one", "$warning")
        elif parse_search(text).query:
            self._timer = self.set_timer(_DEBOUNCE, self._submit)
        else:
            self._say(_INVITATIONS[self._typed_kind], "$muted")

    def look_from(self, kind: LookupKind) -> None:
        """List what belongs to the chosen place: places like it, or its file's symbols."""
        place = self.results.chosen
        if place is not None and self._project_id is not None:
            self._forget_asked()
            self._send(Lookup(kind, self._project_id, place=place))

    def back(self) -> bool:
        """Return to what was typed; False when that is shown already."""
        if self._lookup is None or self._lookup.place is None:
            return False
        self.ask(self._text, self._project_id)
        return True

    def _forget_asked(self) -> None:
        self._sequence += 1
        if self._timer is not None:
            self._timer.stop()

    def _submit(self) -> None:
        if self._project_id is not None:
            self._send(Lookup(self._typed_kind, self._project_id, self._text))

    def _send(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._lookups.submit(_Asked(self._sequence, lookup))

    def _answer(self, asked: _Asked) -> None:
        started = time.perf_counter()
        try:
            listing = look_up(self._client, asked.lookup)
        except CocoError as error:
            self.post_message(LookupFailed(asked.sequence, str(error)))
            return
        elapsed = (time.perf_counter() - started) * 1000
        self.post_message(Listed(asked.sequence, listing, elapsed))

    @on(Listed)
    def _show_listing(self, event: Listed) -> None:
        if event.sequence != self._sequence or self._lookup is None:
            return
        listing = event.listing
        self.results.border_title = self._lookup.title
        if listing.found:
            self.results.show(listing.found)
        else:
            self._say(listing.empty, "$muted")
        parts = (listing.summary, milliseconds(event.elapsed_ms), *listing.reservations)
        self.results.border_subtitle = Content(" · ".join(parts))

    @on(LookupFailed)
    def _show_failure(self, event: LookupFailed) -> None:
        if event.sequence == self._sequence:
            self._say(event.reason, "$error")

    @on(OptionList.OptionHighlighted, "#results")
    def _want_preview(self) -> None:
        found = self.results.chosen
        if found is None or found is self._shown or self._project_id is None:
            return
        self._shown = found
        self._previewed += 1
        self._wanted.submit(_Wanted(self._previewed, found, self._project_id))

    def _read(self, wanted: _Wanted) -> None:
        preview = read_excerpt(self._client, wanted.found, wanted.project_id)
        self.post_message(PreviewReady(wanted.sequence, preview))

    @on(PreviewReady)
    def _show_preview(self, event: PreviewReady) -> None:
        if event.sequence == self._previewed and self._shown is not None:
            words = self._lookup.marked_words if self._lookup is not None else None
            self.code.show(event.preview, words)

    def _say(self, text: str, style: str) -> None:
        """Say something in place of results."""
        self._shown = None
        self.results.show(())
        self.results.border_subtitle = ""
        self.code.clear()
        lines = textwrap.wrap(text, max(20, self.code.content_size.width - 4))
        self.code.set_lines(
            [Content.empty(), *(Content.styled(f"  {line}", style) for line in lines)]
        )
