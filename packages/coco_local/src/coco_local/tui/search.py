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
from coco_core.filter_words import split_filters
from coco_local.tui.excerpt import read_excerpt
from coco_local.tui.figures import milliseconds
from coco_local.tui.latest import Latest
from coco_local.tui.messages import PreviewReady, QueryAnswered, QueryFailed
from coco_local.tui.preview import CodePreview
from coco_local.tui.results import ResultList
from coco_local.tui.source import word_pattern
from coco_protocol.docs import Hit, QueryMeta, QueryRequest, RetrievalBody

if TYPE_CHECKING:
    from coco_protocol.local import LocalService

__all__ = ["SearchView"]

# Long enough to skip the letters inside a word, short enough to feel immediate.
_DEBOUNCE = 0.08
# More hits than anyone scrolls through.
_HITS = 40

_EMPTY_REASONS = {
    "nothing_indexed": "Nothing is indexed in this project yet",
    "filtered_out": "The filters leave nothing: remove lang:, path:, kind: or symbol:",
    "no_match": "Nothing matches",
    None: "Nothing matches",
}


@dataclass(frozen=True, slots=True)
class _Question:
    sequence: int
    text: str
    request: QueryRequest


@dataclass(frozen=True, slots=True)
class _Wanted:
    sequence: int
    hit: Hit
    project_id: str


class SearchView(Container):
    """Two panes; typing asks after a pause, and an answer that came too late is not shown."""

    def __init__(self, client: LocalService, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._client = client
        self._asked = 0
        self._previewed = 0
        self._shown_hit: Hit | None = None
        self._text = ""
        self._project_id: str | None = None
        self._timer: Timer | None = None
        self._questions = Latest("tui-search", self._query)
        self._wanted = Latest("tui-preview", self._read)

    def compose(self) -> ComposeResult:
        """Results, then code."""
        yield ResultList(id="results")
        yield CodePreview(id="preview")

    def on_mount(self) -> None:
        """Start the two threads that ask."""
        self._questions.start()
        self._wanted.start()

    def on_unmount(self) -> None:
        """Let them end."""
        self._questions.stop()
        self._wanted.stop()

    def join(self) -> None:
        """Wait for the requests in hand, after the view was removed."""
        self._questions.join()
        self._wanted.join()

    @property
    def results(self) -> ResultList:
        """The list of hits."""
        return self.query_one(ResultList)

    @property
    def code(self) -> CodePreview:
        """The preview."""
        return self.query_one(CodePreview)

    def ask(self, text: str, project_id: str | None) -> None:
        """Search for ``text`` once typing pauses; whatever is under way is no longer wanted."""
        self._text, self._project_id = text, project_id
        self._asked += 1
        if self._timer is not None:
            self._timer.stop()
        if project_id is None:
            self._say("No project to search in: press Esc, then i to import one", "$warning")
        elif text.strip():
            self._timer = self.set_timer(_DEBOUNCE, self._submit)
        else:
            self._say("Type what the code does, or a name in it", "$muted")

    def _submit(self) -> None:
        if self._project_id is None:
            return
        # Filters such as `lang:py` stand in the text; the service reads them.
        request = QueryRequest(
            query=self._text,
            project_id=self._project_id,
            retrieval_config=RetrievalBody(top_k=_HITS),
        )
        self._questions.submit(_Question(self._asked, self._text, request))

    def _query(self, question: _Question) -> None:
        started = time.perf_counter()
        try:
            answer = self._client.query(question.request)
        except CocoError as error:
            self.post_message(QueryFailed(question.sequence, str(error)))
            return
        elapsed = (time.perf_counter() - started) * 1000
        self.post_message(
            QueryAnswered(question.sequence, question.text, answer.meta, answer.data, elapsed)
        )

    @on(QueryAnswered)
    def _show_answer(self, event: QueryAnswered) -> None:
        if event.sequence != self._asked:
            return
        self.set_class(not event.hits, "-nothing")
        self.results.show(event.hits)
        self.results.border_subtitle = _summary(event)
        if not event.hits:
            self._shown_hit = None
            self._say(_EMPTY_REASONS[event.data.empty_reason], "$muted")
            self.results.border_subtitle = _summary(event)

    @on(QueryFailed)
    def _show_failure(self, event: QueryFailed) -> None:
        if event.sequence == self._asked:
            self._say(event.reason, "$error")

    @on(OptionList.OptionHighlighted, "#results")
    def _want_preview(self) -> None:
        hit = self.results.chosen
        if hit is None or hit is self._shown_hit or self._project_id is None:
            return
        self._shown_hit = hit
        self._previewed += 1
        self._wanted.submit(_Wanted(self._previewed, hit, self._project_id))

    def _read(self, wanted: _Wanted) -> None:
        preview = read_excerpt(self._client, wanted.hit, wanted.project_id)
        self.post_message(PreviewReady(wanted.sequence, preview))

    @on(PreviewReady)
    def _show_preview(self, event: PreviewReady) -> None:
        if event.sequence == self._previewed and self._shown_hit is not None:
            self.code.show(event.preview, word_pattern(split_filters(self._text)[0]))

    def _say(self, text: str, style: str) -> None:
        """Say something in place of results."""
        self._shown_hit = None
        self.results.show(())
        self.results.border_subtitle = ""
        self.code.clear()
        lines = textwrap.wrap(text, max(20, self.code.content_size.width - 4))
        self.code.set_lines(
            [Content.empty(), *(Content.styled(f"  {line}", style) for line in lines)]
        )


def _summary(event: QueryAnswered) -> Content:
    number = len(event.hits)
    more = "+" if event.data.next_offset is not None else ""
    parts = [f"{number}{more} hit" + ("" if number == 1 else "s"), milliseconds(event.elapsed_ms)]
    parts += _reservations(event.meta)
    return Content(" · ".join(parts))


def _reservations(meta: QueryMeta) -> list[str]:
    """What stands between this answer and a complete one."""
    said = []
    if meta.tier != "transformer":
        said.append(f"{meta.tier} search")
    if meta.pending_files:
        said.append(f"{meta.pending_files} files to do")
    return said
