"""Formatting of results: highlighted on a terminal, plain in a pipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from coco_core.quantities import count
from coco_local.cli.display import Display, path_of, read_around, stages_of
from coco_local.cli.exits import Exit
from coco_local.cli.terminal import Terminal
from coco_local.client.shown_hit import shown_hit

if TYPE_CHECKING:
    from coco_local.cli.places import Places
    from coco_protocol.docs import Hit, QueryData, QueryEnvelope, QueryMeta
    from coco_protocol.local import LocalService

__all__ = ["show_answer"]

_ONE_PERCENT = 0.01

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
        _show(terminal, client, places, data.results, display)
        _tell_state(terminal, answer.meta)
        if not data.results:
            _why_empty(terminal, places, data)
    if not data.results:
        raise typer.Exit(Exit.NOTHING_FOUND)


def _show(
    terminal: Terminal,
    client: LocalService,
    places: Places,
    hits: Sequence[Hit],
    display: Display,
) -> None:
    if display.files:
        _show_files(terminal, places, hits)
    elif not terminal.pretty:
        _show_plain(terminal, client, places, hits, display)
    elif hits:
        # A pipe pays for none of this.
        from coco_local.cli.hit_view import show_pretty
        from coco_local.cli.pager import paged

        with paged(terminal, wanted=display.pager):
            show_pretty(terminal.console, client, places, hits, display)


def _show_files(terminal: Terminal, places: Places, hits: Sequence[Hit]) -> None:
    """Print each result's file once."""
    for path in dict.fromkeys(places.of(hit).shown(path_of(hit)) for hit in hits):
        terminal.line(path)


def _show_plain(
    terminal: Terminal,
    client: LocalService,
    places: Places,
    hits: Sequence[Hit],
    display: Display,
) -> None:
    """Print results as other programs read them, best first."""
    for number, hit in enumerate(hits):
        if number:
            terminal.line()
        place = places.of(hit)
        shown = shown_hit(hit if not display.full else hit.model_copy(update={"pieces": []}))
        start, end, text = shown.start_line, shown.end_line, shown.content
        if display.context and start is not None and end is not None:
            wider = read_around(client, place, hit, (start, end), display.context)
            start, end, text = wider.start_line, wider.end_line, wider.content
        lines = "" if start is None else f":{start}-{end}"
        parts = [f"{place.shown(path_of(hit))}{lines}", shown.symbol]
        parts += [f"[{hit.project}]"] if places.together else []
        terminal.line(" ".join(part for part in parts if part))
        if shown.within and not display.context:
            terminal.line(f"in {shown.within}")
        terminal.line(text.strip("\n"))
        if display.scores or display.explain:
            terminal.line("# " + " ".join(stages_of(hit)))


def _tell_state(terminal: Terminal, meta: QueryMeta) -> None:
    """Say on standard error what is missing from the answer."""
    if meta.notice:
        terminal.note(meta.notice)
        return
    parts = []
    if meta.tier == "static":
        parts.append("static vectors: the embedding model's are not computed yet")
    elif meta.tier == "mixed":
        share = (
            f"{meta.vector_coverage:.0%}" if meta.vector_coverage >= _ONE_PERCENT else "under 1%"
        )
        parts.append(f"{share} of what was searched has vectors so far")
    if meta.pending_files:
        files = "file waits" if meta.pending_files == 1 else "files wait"
        parts.append(f"{meta.pending_files:,} {files} to be indexed")
    if parts:
        terminal.note("; ".join(parts))


def _why_empty(terminal: Terminal, places: Places, data: QueryData) -> None:
    """Say on standard error why there is nothing."""
    sentence, hint = _EMPTY[data.empty_reason or "no_match"]
    files = count(places.files, "file")
    terminal.note(f"{sentence.format(name=places.name)} ({files} indexed)")
    if hint:
        terminal.note(hint)
