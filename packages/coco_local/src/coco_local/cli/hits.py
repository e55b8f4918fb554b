"""Formatting of results: highlighted on a terminal, plain in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from coco_core.excerpt import Line
from coco_local.cli.exits import Exit
from coco_local.cli.hit_view import HitView, hit_lines, numbered, shown_lines
from coco_local.cli.pager import paged
from coco_local.cli.terminal import Terminal
from coco_protocol.docs import ReadRequest

if TYPE_CHECKING:
    from coco_local.cli.places import Places
    from coco_protocol.docs import Hit, QueryData, QueryEnvelope, QueryMeta
    from coco_protocol.local import LocalService

__all__ = ["Display", "path_of", "show_answer"]

_EMPTY = {
    "nothing_indexed": (
        "nothing of {name} is indexed yet",
        "It is being indexed; see the progress: coco status",
    ),
    "filtered_out": (
        "everything in {name} that matches was left out by the filters",
        "Loosen --path, --exclude, --lang, --kind or --symbol.",
    ),
    "no_match": (
        "nothing in {name} matches",
        "Try other words or a symbol; for exact text: coco grep",
    ),
}


@dataclass(frozen=True, slots=True)
class Display:
    """What of an answer is printed."""

    query: str = ""
    """As it was typed; its words are marked."""
    files: bool = False
    """Only the files' paths."""
    full: bool = False
    """Whole chunks for a person, too."""
    context: int = 0
    """Lines around each hit, from disk."""
    scores: bool = False
    explain: bool = False
    pager: bool = True


def show_answer(
    terminal: Terminal,
    client: LocalService,
    places: Places,
    answer: QueryEnvelope,
    display: Display,
) -> None:
    """Show results and what is missing from them.

    Raises:
        typer.Exit: nothing was found.
    """
    data = answer.data
    if terminal.json:
        terminal.emit(data, answer.meta)
    else:
        with paged(terminal, wanted=display.pager and bool(data.results)):
            if display.files:
                _show_files(terminal, places, data.results)
            else:
                _Printer(terminal, client, places, display).show(data.results)
        _tell_state(terminal, answer.meta)
        if not data.results:
            _why_empty(terminal, places, data)
    if not data.results:
        raise typer.Exit(Exit.NOTHING_FOUND)


def path_of(hit: Hit) -> str:
    """Return a hit's file, relative to its project."""
    return hit.chunk.path or hit.chunk.doc_id


def _show_files(terminal: Terminal, places: Places, hits: Sequence[Hit]) -> None:
    """Print each result's file once."""
    for path in dict.fromkeys(places.of(hit).shown(path_of(hit)) for hit in hits):
        terminal.line(path)


@dataclass(frozen=True, slots=True)
class _Printer:
    """Prints results, best first."""

    terminal: Terminal
    client: LocalService
    places: Places
    display: Display

    def show(self, hits: Sequence[Hit]) -> None:
        for number, hit in enumerate(hits):
            if self.terminal.pretty:
                if number:
                    self.terminal.console.print()
                self._pretty(hit)
            else:
                if number:
                    self.terminal.line()
                self._plain(hit)

    def _pretty(self, hit: Hit) -> None:
        display, console = self.display, self.terminal.console
        view = HitView(console, display.query)
        lines = hit_lines(hit) if display.full else shown_lines(hit, display.query)
        lines = self._with_context(hit, lines)
        first = lines[0].number if hit.chunk.start_line is not None else None
        shown = self.places.of(hit).shown(path_of(hit))
        view.header(hit, shown, first, project=self._project(hit))
        if display.scores or display.explain:
            console.print(f"  {_scores(hit)}", style="dim", soft_wrap=True)
        if display.full:
            view.whole(shown, "\n".join(line.text for line in lines), first)
        else:
            view.lines(shown, lines)
        if display.explain:
            console.print(f"  {'  '.join(_stages(hit))}", style="dim", soft_wrap=True)

    def _plain(self, hit: Hit) -> None:
        chunk = hit.chunk
        lines = self._with_context(hit, numbered(chunk.content, chunk.start_line or 1))
        place = "" if chunk.start_line is None else f":{lines[0].number}-{lines[-1].number}"
        parts = [f"{self.places.of(hit).shown(path_of(hit))}{place}", chunk.symbol]
        project = self._project(hit)
        parts += [f"[{project}]"] if project is not None else []
        self.terminal.line(" ".join(part for part in parts if part))
        self.terminal.line("\n".join(line.text for line in lines).strip("\n"))
        if self.display.scores or self.display.explain:
            self.terminal.line("# " + " ".join(_stages(hit)))

    def _project(self, hit: Hit) -> str | None:
        return hit.project if self.places.together else None

    def _with_context(self, hit: Hit, lines: list[Line]) -> list[Line]:
        """Return the lines with others around them, read from disk, if these are asked for."""
        if self.display.context == 0 or hit.chunk.start_line is None:
            return lines
        wider = self.client.read(
            ReadRequest(
                doc_id=path_of(hit),
                project_id=self.places.of(hit).project_id,
                start_line=max(1, lines[0].number - self.display.context),
                end_line=lines[-1].number + self.display.context,
            )
        )
        return numbered(wider.content, wider.start_line)


def _tell_state(terminal: Terminal, meta: QueryMeta) -> None:
    """Say on standard error what is missing from the answer."""
    if meta.notice:
        terminal.note(meta.notice)
        return
    parts = []
    if meta.tier == "keyword":
        parts.append("keyword search only: the embedding model is not ready")
    elif meta.tier == "static":
        parts.append("static vectors: the embedding model's are not computed yet")
    elif meta.tier == "mixed":
        parts.append(f"{meta.vector_coverage:.0%} of the index has vectors so far")
    if meta.pending_files:
        files = "file waits" if meta.pending_files == 1 else "files wait"
        parts.append(f"{meta.pending_files:,} {files} to be indexed")
    if parts:
        terminal.note("; ".join(parts))


def _why_empty(terminal: Terminal, places: Places, data: QueryData) -> None:
    """Say on standard error why there is nothing."""
    sentence, hint = _EMPTY[data.empty_reason or "no_match"]
    terminal.note(f"{sentence.format(name=places.name)} ({places.files:,} files indexed)")
    terminal.note(hint)


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


def _stages(hit: Hit) -> list[str]:
    stages = {"score": hit.meta.score, "vector": hit.meta.vector, "words": hit.meta.fts}
    stages |= hit.meta.explain or {}
    return [f"{name}={value:.4g}" for name, value in stages.items() if value is not None]
