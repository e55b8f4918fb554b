"""`coco grep`."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from coco_core.terminal_text import visible
from coco_local.cli.completion import complete_language
from coco_local.cli.exits import Exit
from coco_local.cli.filters import Exclude, Since
from coco_local.cli.options import Json, Project
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.text import Text

    from coco_local.cli.place import Place
    from coco_local.client.grep_view import ShownLine
    from coco_protocol.grep import GrepData, GrepMatch

__all__ = ["grep"]

# Characters of a line: on a terminal a few lines of it; in a pipe all of what people write.
_TERMINAL_COLUMNS = 300
_PIPED_COLUMNS = 2_000

_EMPTY = {
    "no_files": ("{name} has no text file to search", None),
    "no_such_path": ("no file of {name} that is searched is at that path", None),
    "no_such_language": ("no file of {name} is in that language", "What there is: coco status"),
    "filtered_out": ("no file of {name} passes all of the filters", "Loosen --path or --exclude."),
    "taken_as_text": (
        'no line of {name} contains "{pattern}" as text',
        "For a regular expression add --regex.",
    ),
    "no_match": ('no line of {name} matches "{pattern}"', None),
}

_Lines = typer.Option(min=0, max=20, metavar="N")


def grep(
    context: typer.Context,
    *,
    pattern: Annotated[str, typer.Argument(metavar="TEXT", help="What the line contains.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Only these files and directories."),
    ] = None,
    project: Project = None,
    path: Annotated[
        list[str] | None,
        typer.Option(
            "--path", "--glob", "-g", metavar="GLOB", help="Only paths like this. Repeatable."
        ),
    ] = None,
    exclude: Exclude = None,
    lang: Annotated[
        list[str] | None,
        typer.Option(
            "--lang",
            "--type",
            "-t",
            metavar="LANGUAGE",
            help="Only this language. Repeatable.",
            autocompletion=complete_language,
        ),
    ] = None,
    since: Since = None,
    regex: Annotated[
        bool,
        typer.Option(
            "--regex/--fixed-strings", "-e/-F", help="TEXT is a regular expression, or is text."
        ),
    ] = False,
    case: Annotated[
        bool | None,
        typer.Option(
            "--case-sensitive/--ignore-case",
            "-s/-i",
            help="Else: sensitive when TEXT has a capital letter.",
        ),
    ] = None,
    word: Annotated[bool, typer.Option("--word", "-w", help="Only whole words.")] = False,
    multiline: Annotated[
        bool, typer.Option("--multiline", "-U", help="A match may span lines.")
    ] = False,
    around: Annotated[
        int,
        typer.Option(
            "--context", "-C", min=0, max=20, metavar="N", help="Lines around each match."
        ),
    ] = 0,
    before: Annotated[
        int | None,
        typer.Option("--before", "-B", min=0, max=20, metavar="N", help="Lines before each match."),
    ] = None,
    after: Annotated[
        int | None,
        typer.Option("--after", "-A", min=0, max=20, metavar="N", help="Lines after each match."),
    ] = None,
    limit: Annotated[
        int,
        typer.Option(
            "-k", "--limit", min=1, max=10_000, help="At most this many matches, or files."
        ),
    ] = 100,
    files: Annotated[
        bool,
        typer.Option("--files", "--files-with-matches", "-l", help="Print only the files' paths."),
    ] = False,
    count: Annotated[
        bool, typer.Option("--count", "-c", help="Print how many lines of each file match.")
    ] = False,
    number: Annotated[
        bool, typer.Option("--line-number", "-n", help="Lines are numbered always.")
    ] = True,
    ignored: Annotated[
        bool, typer.Option("--no-ignore", help="Search ignored files, too; never secrets.")
    ] = False,
    columns: Annotated[
        int | None,
        typer.Option(
            "--max-columns", "-M", min=40, max=1_000_000, metavar="N", help="Cut longer lines."
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Search the text of a project's files as they are now.

    It searches every text file that is not ignored and holds no secret, whether it is indexed or
    not; where nothing is found it says what it did not search. Exit code 4 means nothing was found.
    """
    from coco_local.cli.connection import connected, place_of
    from coco_local.cli.requests import build
    from coco_protocol.grep import GrepRequest

    del number
    terminal = terminal_of(context)
    with connected() as client:
        place = place_of(client, project)
        request = build(
            GrepRequest,
            pattern=pattern,
            project_id=place.project_id,
            regex=regex,
            case_sensitive=case,
            word=word,
            multiline=multiline,
            include=_include(place, paths or (), path or ()),
            exclude=place.globs([*(exclude or ()), *_negated(path or ())]),
            languages=lang,
            since_revision=since,
            context=around,
            before=before,
            after=after,
            limit=limit,
            output="counts" if files or count else "lines",
            ignored=ignored,
            max_columns=columns or (_TERMINAL_COLUMNS if terminal.pretty else _PIPED_COLUMNS),
        )
        data = client.grep(request)
        if json:
            terminal.emit(data, client.meta)
        else:
            _show(terminal, place, data, pattern, files=files)
    if not data.matches and not data.counts:
        raise typer.Exit(Exit.NOTHING_FOUND)


def _include(place: Place, paths: Sequence[str], globs: Sequence[str]) -> list[str]:
    """Return the globs of what is searched; those that were typed hold inside the paths."""
    from coco_core.globs import globs_below

    wanted = place.globs(glob for glob in globs if not glob.startswith("!"))
    if not paths:
        return wanted
    return [glob for path in paths for glob in globs_below(place.doc_id(path), wanted)]


def _negated(globs: Sequence[str]) -> list[str]:
    return [glob[1:] for glob in globs if glob.startswith("!")]


def _show(terminal: Terminal, place: Place, data: GrepData, pattern: str, *, files: bool) -> None:
    for each in data.counts:
        shown = place.shown(each.path)
        terminal.line(shown if files else f"{shown}:{each.lines}")
    grouped = groupby(data.matches, key=lambda match: match.path)
    for number, (path, matches) in enumerate(grouped):
        shown = place.shown(path)
        if terminal.pretty:
            if number:
                terminal.line()
            _show_file(terminal, shown, list(matches))
        else:
            _show_plain(terminal, shown, list(matches), first=number == 0)
    if data.truncated:
        said = f"{len(data.counts)} files" if data.counts else f"{len(data.matches)} matches"
        terminal.note(f"only the first {said}; more with --limit")
    if data.empty_reason is not None:
        sentence, hint = _EMPTY[data.empty_reason]
        terminal.note(sentence.format(name=place.project.name, pattern=pattern))
        if hint:
            terminal.note(hint)
    if data.notice:
        terminal.note(data.notice)
    if data.ignored_files:
        terminal.note("Search ignored files, too: --no-ignore")


def _show_plain(terminal: Terminal, path: str, matches: list[GrepMatch], *, first: bool) -> None:
    """Print what `grep -n` prints: a colon after a match's number, a dash after the others'."""
    from coco_local.client.grep_view import shown_lines

    around = any(match.before or match.after for match in matches)
    if around and not first:
        terminal.line("--")
    for line in shown_lines(matches):
        if around and line.apart:
            terminal.line("--")
        mark = ":" if line.matches else "-"
        terminal.line(f"{path}{mark}{line.number}{mark}{line.text}")


def _show_file(terminal: Terminal, path: str, matches: list[GrepMatch]) -> None:
    """Print a file's path, and its lines with their numbers below it."""
    from rich.text import Text

    from coco_local.client.grep_view import shown_lines

    around = any(match.before or match.after for match in matches)
    write = terminal.console.print
    write(Text(visible(path), "bold cyan"), soft_wrap=True)
    for line in shown_lines(matches):
        if around and line.apart:
            write(Text("--", "dim"))
        number = (f"{line.number}{':' if line.matches else '-'}", "green")
        write(Text.assemble(number, _marked(line)), soft_wrap=True)


def _marked(line: ShownLine) -> Text:
    """Return a line with its matches marked; what a terminal would obey is shown instead."""
    from rich.text import Text

    text = Text("", "" if line.matches else "dim")
    at = 0
    for start, end in line.spans:
        text.append(visible(line.text[at:start]))
        text.append(visible(line.text[start:end]), "bold red")
        at = end
    return text.append(visible(line.text[at:]))
