"""A hit as a person sees it: one header line, then the few lines that answer, words marked."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coco_core.excerpt import Line, WordFinder, best_lines
from coco_core.filter_words import split_filters
from coco_core.terminal_text import visible
from coco_local.cli.display import path_of, read_around, stages_of

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from coco_local.cli.display import Display
    from coco_local.cli.places import Places
    from coco_protocol.docs import Hit
    from coco_protocol.local import LocalService

__all__ = ["HitView", "hit_lines", "numbered", "show_pretty", "shown_lines"]

# With its header and the empty line behind, a hit takes six rows: ten of them are read at once.
_MOST_LINES = 4
_TAB = 4
# What is kept before a match that stands too far to the right for the screen.
_BEFORE_MATCH = 12
_MATCH = "bold red"
# The terminal's own colors, which are readable on light and on dark.
_THEME = "ansi_dark"


def hit_lines(hit: Hit) -> list[Line]:
    """Return the lines of a hit: its pieces, or else its chunk."""
    if hit.pieces:
        return [line for piece in hit.pieces for line in numbered(piece.content, piece.start_line)]
    return numbered(hit.chunk.content, hit.chunk.start_line or 1)


def shown_lines(hit: Hit, query: str) -> list[Line]:
    """Return the lines that show best why a hit answers a query."""
    return best_lines(hit_lines(hit), WordFinder(split_filters(query)[0]), _MOST_LINES)


def numbered(text: str, first: int) -> list[Line]:
    """Return the lines of a text whose first has this number."""
    texts = text.removesuffix("\n").split("\n")
    return [Line(number, each.removesuffix("\r")) for number, each in enumerate(texts, first)]


def show_pretty(
    console: Console,
    client: LocalService,
    places: Places,
    hits: Sequence[Hit],
    display: Display,
) -> None:
    """Print results, best first."""
    view = HitView(console, display.query)
    for number, hit in enumerate(hits):
        if number:
            console.print()
        place = places.of(hit)
        lines = hit_lines(hit) if display.full else shown_lines(hit, display.query)
        numbers = hit.chunk.start_line is not None
        if display.context and numbers:
            ends = lines[0].number, lines[-1].number
            wider = read_around(client, place, hit, ends, display.context)
            lines = numbered(wider.content, wider.start_line)
        start = lines[0].number if numbers else None
        shown = place.shown(path_of(hit))
        view.header(hit, shown, start, project=hit.project if places.together else None)
        if display.scores or display.explain:
            console.print(f"  {_scores(hit)}", style="dim", soft_wrap=True)
        if display.full:
            view.whole(shown, "\n".join(line.text for line in lines), start)
        else:
            view.lines(shown, lines)
        if display.explain:
            console.print(f"  {'  '.join(stages_of(hit))}", style="dim", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class HitView:
    """Draws hits on a console."""

    console: Console
    query: str
    """As it was typed; empty where there is none."""

    def header(self, hit: Hit, path: str, line: int | None, *, project: str | None = None) -> None:
        """Print place, kind, name and definition on one row, cut at the console's width."""
        from rich.cells import cell_len
        from rich.text import Text

        place = f"{path}:{line}" if line is not None else path
        header = Text.assemble((visible(place), "bold cyan"))
        if project is not None:
            header.append(f"  [{visible(project)}]", "magenta")
        kind, name, signature = _definition(hit, line)
        header.append(f"  {kind}", "dim")
        if name:
            header.append(f" {visible(name)}", "bold")
        if signature:
            header.append(f"  {visible(signature)}", "dim")
        # A terminal recognizes path:line only in one piece: that is never cut.
        if self.console.width > cell_len(place) + 1:
            header.truncate(self.console.width, overflow="ellipsis")
        else:
            header = header[: len(visible(place))]
        self.console.print(header, soft_wrap=True)

    def lines(self, path: str, lines: Sequence[Line]) -> None:
        """Print numbered lines, cut at the console's width, with a mark where some are left out."""
        if not lines:
            return
        finder = WordFinder(split_filters(self.query)[0])
        digits = len(str(lines[-1].number))
        room = max(self.console.width - digits - 2, 1)
        previous = lines[0].number - 1
        for line, text in zip(lines, _highlighted(path, lines), strict=True):
            if line.number != previous + 1:
                self.console.print(f"{'⋮':>{digits}}", style="dim", soft_wrap=True)
            previous = line.number
            spans = finder.spans(text.plain)
            for start, end in spans:
                text.stylize(_MATCH, start, end)
            number = f"{line.number:>{digits}}  "
            row = self._row(number, _in_view(text, spans, room))
            self.console.print(row, soft_wrap=True)

    def whole(self, path: str, text: str, start: int | None) -> None:
        """Print a whole text, highlighted, its long lines broken."""
        from rich.syntax import Syntax

        text = visible(text.strip("\n"))
        self.console.print(
            Syntax(
                text,
                Syntax.guess_lexer(path, text),
                theme=_THEME,
                background_color="default",
                line_numbers=start is not None,
                start_line=start or 1,
                word_wrap=True,
            )
        )

    def _row(self, number: str, text: Text) -> Text:
        from rich.text import Text

        return Text.assemble((number, "dim"), text)


def _definition(hit: Hit, line: int | None) -> tuple[str, str, str]:
    """Return kind, name and signature of what a line of a hit lies in; of the last what is new."""
    chunk, around = hit.chunk, hit.enclosing
    kind, name, signature = chunk.kind, chunk.symbol, chunk.signature
    if kind == "section" and chunk.heading_trail:
        name, signature = " > ".join(chunk.heading_trail), ""
    first, last = chunk.start_line, chunk.end_line
    if line is not None and first is not None and last is not None and not first <= line <= last:
        # The line is of another chunk of the file: only the definition around it says where.
        if around is None or not around.start_line <= line <= around.end_line:
            return kind.replace("_", " "), "", ""
        kind, name, signature = around.kind, around.symbol, around.signature
    # Of a head over several lines, one row.
    signature = re.sub(r"(?<=[(\[{]) | (?=[)\]}])", "", " ".join(signature.split()))
    words = signature.rstrip(" :{(;=").split()
    known = {*name.replace("::", ".").split("."), name, kind, "def", "class", "fn", "func", "#"}
    if all(word in known for word in words):
        signature = ""
    return kind.replace("_", " "), name, signature


def _highlighted(path: str, lines: Sequence[Line]) -> list[Text]:
    """Return the lines with the colors of their language; tabs become spaces."""
    from rich.syntax import Syntax

    texts = [visible(line.text.expandtabs(_TAB)) for line in lines]
    code = "\n".join(texts)
    syntax = Syntax(code, Syntax.guess_lexer(path, code), theme=_THEME, background_color="default")
    found = syntax.highlight(code).split("\n", allow_blank=True)[: len(texts)]
    if [each.plain for each in found] != texts:
        # A lexer that strips or adds lines must not move the numbers.
        from rich.text import Text

        return [Text(text) for text in texts]
    return list(found)


def _in_view(text: Text, spans: Sequence[tuple[int, int]], room: int) -> Text:
    """Return what of a line fits, the first match in it."""
    if spans and spans[0][1] > room > _BEFORE_MATCH:
        from rich.text import Text

        text = Text.assemble(("…", "dim"), text[max(0, spans[0][0] - _BEFORE_MATCH) :])
    text.truncate(room, overflow="ellipsis")
    return text


def _scores(hit: Hit) -> str:
    meta = hit.meta
    parts = [f"score {meta.score:.3f}"]
    if meta.vector is not None:
        parts.append(f"vector {meta.vector:.3f}")
    if meta.fts is not None:
        parts.append(f"words {meta.fts:.2f}")
    if meta.source == "live":
        parts.append("found on disk")
    if meta.relocated:
        parts.append("lines corrected")
    return " · ".join(parts)
