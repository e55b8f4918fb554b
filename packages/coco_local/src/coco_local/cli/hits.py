"""Formatting of results: highlighted on a terminal, plain in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import typer

from coco_core.quantities import count
from coco_core.terminal_text import visible
from coco_local.cli.exits import Exit
from coco_local.cli.terminal import Terminal
from coco_protocol.docs import ReadRequest

if TYPE_CHECKING:
    from coco_local.cli.place import Place
    from coco_protocol.docs import Hit, QueryData, QueryEnvelope, QueryMeta
    from coco_protocol.local import LocalService

__all__ = ["HitExcerpt", "show_answer", "show_hits"]

_EMPTY = {
    "nothing_indexed": (
        "nothing of {name} is indexed yet",
        "See the progress: coco status",
    ),
    "no_files": (
        "{name} has no file that is indexed",
        "See what is left out, and why: coco index --dry-run",
    ),
    "no_such_path": ("no indexed file of {name} is at that path", None),
    "no_such_language": (
        "no indexed file of {name} is in that language",
        "See what there is: coco index --dry-run",
    ),
    "no_such_symbol": (
        "nothing in {name} defines a symbol of that name",
        "Search for the name without --symbol, or its uses: coco grep",
    ),
    "filtered_out": (
        "nothing in {name} passes all of the filters",
        "Loosen --path, --exclude, --lang, --kind or --symbol.",
    ),
    "below_min_score": (
        "everything in {name} that matches has a lower score than asked for",
        "Lower the least score, or leave it out.",
    ),
    "past_the_end": ("there are no more results in {name}", "Lower --offset."),
    "changed": (
        "what matched in {name} has just changed on disk",
        "Ask again in a moment.",
    ),
    "no_match": (
        "nothing in {name} matches",
        "Try other words or a symbol; for exact text: coco grep",
    ),
}


@dataclass(frozen=True, slots=True)
class HitExcerpt:
    """A stretch of a file as it is printed."""

    path: str
    start: int | None
    end: int | None
    text: str

    @classmethod
    def of(cls, hit: Hit, client: LocalService, place: Place, context: int) -> HitExcerpt:
        """Take the hit's lines, with ``context`` lines around them read from disk."""
        chunk = hit.chunk
        path = chunk.path or chunk.doc_id
        shown = place.shown(path)
        if context == 0 or chunk.start_line is None or chunk.end_line is None:
            return cls(shown, chunk.start_line, chunk.end_line, chunk.content)
        wider = client.read(
            ReadRequest(
                doc_id=path,
                project_id=place.project_id,
                start_line=max(1, chunk.start_line - context),
                end_line=chunk.end_line + context,
            )
        )
        return cls(shown, wider.start_line, wider.end_line, wider.content)

    @property
    def lines(self) -> str:
        """``:first-last``, or nothing where lines have no numbers."""
        return "" if self.start is None else f":{self.start}-{self.end}"


def show_hits(
    terminal: Terminal,
    client: LocalService,
    place: Place,
    hits: Sequence[Hit],
    *,
    context: int,
    explain: bool,
) -> None:
    """Print results, best first."""
    for number, hit in enumerate(hits):
        if number:
            terminal.line()
        shown = HitExcerpt.of(hit, client, place, context)
        if terminal.pretty:
            _show_pretty(terminal, hit, shown)
        else:
            symbol = f" {hit.chunk.symbol}" if hit.chunk.symbol else ""
            terminal.line(f"{shown.path}{shown.lines}{symbol}")
            terminal.line(shown.text.strip("\n"))
        if explain:
            _explain(terminal, hit)


def show_answer(
    terminal: Terminal,
    client: LocalService,
    place: Place,
    answer: QueryEnvelope,
    *,
    files: bool,
    context: int = 0,
    explain: bool = False,
) -> None:
    """Show results, or only their ``files``, and what is missing from them.

    Raises:
        typer.Exit: nothing was found.
    """
    data = answer.data
    if terminal.json:
        terminal.emit(data, answer.meta)
    else:
        if files:
            _show_files(terminal, place, data.results)
        else:
            show_hits(terminal, client, place, data.results, context=context, explain=explain)
        _tell_state(terminal, answer.meta)
        if not data.results:
            _why_empty(terminal, place, data)
    if not data.results:
        raise typer.Exit(Exit.NOTHING_FOUND)


def _show_files(terminal: Terminal, place: Place, hits: Sequence[Hit]) -> None:
    """Print each result's file once."""
    for path in dict.fromkeys(hit.chunk.path or hit.chunk.doc_id for hit in hits):
        terminal.line(place.shown(path))


def _tell_state(terminal: Terminal, meta: QueryMeta) -> None:
    """Say on standard error what is missing from the answer."""
    if meta.notice:
        terminal.note(meta.notice)
        return
    parts = []
    if meta.tier == "static":
        parts.append("static vectors: the embedding model's are not computed yet")
    elif meta.tier == "mixed":
        parts.append(f"{meta.vector_coverage:.0%} of what was searched has vectors so far")
    if meta.pending_files:
        files = "file waits" if meta.pending_files == 1 else "files wait"
        parts.append(f"{meta.pending_files:,} {files} to be indexed")
    if parts:
        terminal.note("; ".join(parts))


def _why_empty(terminal: Terminal, place: Place, data: QueryData) -> None:
    """Say on standard error why there is nothing."""
    sentence, hint = _EMPTY[data.empty_reason or "no_match"]
    project = place.project
    terminal.note(f"{sentence.format(name=project.name)} ({count(project.files, 'file')} indexed)")
    if hint:
        terminal.note(hint)


def _show_pretty(terminal: Terminal, hit: Hit, shown: HitExcerpt) -> None:
    from rich.syntax import Syntax
    from rich.text import Text

    start = "" if shown.start is None else f":{shown.start}"
    header = Text.assemble((visible(f"{shown.path}{start}"), "bold cyan"))
    if hit.chunk.symbol:
        header.append(f"  {visible(hit.chunk.symbol)}", "bold")
    header.append(f"  {_scores(hit)}", "dim")
    # Not broken into lines: a terminal recognizes path:line only in one piece.
    terminal.console.print(header, soft_wrap=True)
    text = visible(shown.text.strip("\n"))
    terminal.console.print(
        Syntax(
            text,
            Syntax.guess_lexer(shown.path, text),
            # The terminal's own colors, which are readable on light and on dark.
            theme="ansi_dark",
            background_color="default",
            line_numbers=shown.start is not None,
            start_line=shown.start or 1,
            word_wrap=True,
        )
    )


def _scores(hit: Hit) -> str:
    meta = hit.meta
    parts = [hit.chunk.kind, f"score {meta.score:.3f}"]
    if meta.vector is not None:
        parts.append(f"vector {meta.vector:.3f}")
    if meta.fts is not None:
        parts.append(f"words {meta.fts:.2f}")
    if meta.source == "live":
        parts.append("found on disk")
    if meta.relocated:
        parts.append("lines corrected")
    return " · ".join(part for part in parts if part)


def _explain(terminal: Terminal, hit: Hit) -> None:
    stages = {"score": hit.meta.score, "vector": hit.meta.vector, "words": hit.meta.fts}
    stages |= hit.meta.explain or {}
    told = [f"{name}={value:.4g}" for name, value in stages.items() if value is not None]
    if terminal.pretty:
        terminal.console.print("  " + "  ".join(told), style="dim", soft_wrap=True)
    else:
        terminal.line("# " + " ".join(told))
