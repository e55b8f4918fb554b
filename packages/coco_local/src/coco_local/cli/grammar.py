"""`coco grammar`: WebAssembly grammars for languages that have none built in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from coco_core.errors import CocoError, InvalidInput
from coco_local.cli.options import Json
from coco_local.cli.terminal import Terminal, terminal_of

if TYPE_CHECKING:
    from coco_local.grammars.installer import Installer, InstallRequest
    from coco_local.grammars.record import GrammarRecord
    from coco_local.grammars.store import GrammarStore

__all__ = ["app"]

app = typer.Typer(
    help="List, install, update or remove grammars.",
    no_args_is_help=True,
)

_HEADS = ("LANGUAGE", "PARSER", "VERSION", "SIZE", "LICENCE", "QUERY", "FROM")


def _complete_language(incomplete: str) -> list[str]:
    from coco_local.grammars.catalogue import catalogue

    return [name for name in catalogue() if name.startswith(incomplete)]


Names: TypeAlias = Annotated[
    list[str],
    typer.Argument(metavar="NAME...", help="Which languages.", autocompletion=_complete_language),
]


@app.command("list")
def list_grammars(
    context: typer.Context,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="List all languages, also native ones and text.")
    ] = False,
    json: Json = False,
) -> None:
    """List the grammars that are installed, and those that are published.

    A published grammar is fetched by itself when a file of its language is first seen.
    """
    del json
    terminal = terminal_of(context)
    rows = _rows(_store(), every=every)
    if terminal.json:
        terminal.emit({"grammars": rows})
        return
    cells = [tuple(_cell(row[head.lower()]) for head in _HEADS) for row in rows]
    terminal.table(_HEADS, cells, numbers=("SIZE",))


@app.command()
def install(
    context: typer.Context,
    *,
    names: Names,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="FILE|URL|npm:PACKAGE", help="Source; without it the npm registry."
        ),
    ] = None,
    query: Annotated[
        Path | None, typer.Option("--query", metavar="FILE", help="Use this query (.scm).")
    ] = None,
    extensions: Annotated[
        list[str] | None,
        typer.Option("--ext", metavar=".EXT", help="File extension of a new language."),
    ] = None,
    filenames: Annotated[
        list[str] | None,
        typer.Option("--filename", metavar="NAME", help="File name of a new language."),
    ] = None,
    shebangs: Annotated[
        list[str] | None,
        typer.Option("--shebang", metavar="PROGRAM", help="Shebang program of a new language."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Install it again, also when it is installed.")
    ] = False,
    json: Json = False,
) -> None:
    """Install grammars; the running service takes them up within seconds.

    The file is verified, and examined in a sandbox before it replaces anything. An interrupted
    download goes on where it was.
    """
    from coco_local.grammars.installer import InstallRequest

    del json
    terminal = terminal_of(context)
    installer = _installer()
    present = installer.store.all()
    done: list[GrammarRecord] = []
    for name in names:
        record = present.get(name)
        if record is not None and not force and source is None and query is None:
            terminal.note(f"{name} {record.version} is installed; again with --force")
            continue
        request = InstallRequest(
            name,
            source=source,
            query=query,
            extensions=tuple(_dotted(each) for each in extensions or ()),
            filenames=tuple(each.lower() for each in filenames or ()),
            shebangs=tuple(shebangs or ()),
        )
        done.append(_install(terminal, installer, request))
        _report(terminal, done[-1])
    if terminal.json:
        terminal.emit({"grammars": [_row(record) for record in done]})


@app.command()
def update(
    context: typer.Context,
    *,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Which; else all.")
    ] = None,
    json: Json = False,
) -> None:
    """Bring installed grammars to the newest version of where they came from.

    One that the new version breaks stays as it is, and is named.
    """
    del json
    terminal = terminal_of(context)
    installer = _installer()
    present = installer.store.all()
    chosen = [installer.store.require(name) for name in names] if names else present.values()
    failed: list[CocoError] = []
    done: list[GrammarRecord] = []
    for record in chosen:
        try:
            new = _install(terminal, installer, _again(record))
        except CocoError as error:
            terminal.warn(f"{record.language} stays as it is: {error}")
            failed.append(error)
            continue
        done.append(new)
        if not terminal.json:
            if new.sha256 == record.sha256:
                terminal.line(f"{new.language} {new.version} is current")
            else:
                terminal.line(f"{new.language} {record.version} -> {new.version}")
    if terminal.json:
        terminal.emit({"grammars": [_row(record) for record in done], "failed": len(failed)})
    elif not present:
        terminal.note("no grammar is installed")
    if failed:
        raise typer.Exit(1)


@app.command()
def remove(context: typer.Context, *, names: Names, json: Json = False) -> None:
    """Remove grammars; files of their languages become text again."""
    del json
    terminal = terminal_of(context)
    store = _store()
    gone = [store.remove(name) for name in names]
    if terminal.json:
        terminal.emit({"grammars": [_row(record) for record in gone]})
        return
    for record in gone:
        terminal.line(f"removed {record.language} {record.version}")


@app.command()
def path(
    context: typer.Context,
    *,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Which.", autocompletion=_complete_language),
    ] = None,
    json: Json = False,
) -> None:
    """Print where grammars are kept, or where one is."""
    del json
    terminal = terminal_of(context)
    store = _store()
    found = store.root if name is None else store.folder(store.require(name))
    if terminal.json:
        terminal.emit({"path": str(found)})
    else:
        terminal.line(str(found))


def _store() -> GrammarStore:
    from coco_local.cli.connection import read_settings
    from coco_local.grammars.store import GrammarStore

    return GrammarStore(read_settings().home.grammars)


def _installer() -> Installer:
    from coco_local.cli.connection import read_settings
    from coco_local.grammars.installer import Installer
    from coco_local.grammars.store import GrammarStore

    settings = read_settings()
    settings.home.ensure()
    return Installer(GrammarStore(settings.home.grammars), settings.grammar_source)


def _install(terminal: Terminal, installer: Installer, request: InstallRequest) -> GrammarRecord:
    from coco_local.cli.bar import Bar

    with Bar(terminal, f"looking for the grammar of {request.language}") as bar:
        return installer.install(request, bar.show)


def _again(record: GrammarRecord) -> InstallRequest:
    """Ask for the newest version of what is installed."""
    from coco_local.grammars.installer import InstallRequest
    from coco_local.grammars.sources import without_version

    return InstallRequest(
        record.language,
        source=without_version(record.source),
        kind=record.kind,
        extensions=record.extensions,
        filenames=record.filenames,
        shebangs=record.shebangs,
    )


def _report(terminal: Terminal, record: GrammarRecord) -> None:
    if terminal.json:
        return
    from coco_core.quantities import byte_count

    version = f" {record.version}" if record.version else ""
    terminal.line(
        f"{record.language}{version} is installed ({byte_count(record.size)}, licence "
        f"{record.licence}, query {record.query_origin}) from {record.source}"
    )
    if record.stubs:
        terminal.warn(f"it imports functions that do not exist: {', '.join(record.stubs)}")


def _rows(store: GrammarStore, *, every: bool) -> list[dict[str, Any]]:
    from coco_core.languages import Parser, languages
    from coco_local.grammars.catalogue import catalogue

    rows = [_row(record) for record in store.all().values()]
    installed = {row["language"] for row in rows}
    for language in sorted(languages(), key=lambda each: each.name):
        published = catalogue().get(language.name)
        if language.name in installed or not (every or language.parser is Parser.WASM):
            continue
        source = f"npm:{published.package}:{published.member}" if published else ""
        parser = "wasm, published" if language.parser is Parser.WASM else language.parser.value
        rows.append(
            {
                "language": language.name,
                "parser": parser,
                "version": published.version if published else "",
                "size": None,
                "licence": "",
                "query": "",
                "from": source,
            }
        )
    return rows


def _row(record: GrammarRecord) -> dict[str, Any]:
    return {
        "language": record.language,
        "parser": "wasm, installed",
        "version": record.version,
        "size": record.size,
        "licence": record.licence,
        "query": record.query_origin,
        "from": record.source,
        "sha256": record.sha256,
        "abi": record.abi,
        "installed_at": record.installed_at,
    }


def _cell(value: object) -> str:
    return (
        "-"
        if value is None or value == ""
        else f"{value:,}"
        if isinstance(value, int)
        else str(value)
    )


def _dotted(extension: str) -> str:
    plain = extension.strip().lower()
    if not plain.strip("."):
        raise InvalidInput(f"{extension!r} is not an extension.", hint="It looks like .foo")
    return plain if plain.startswith(".") else f".{plain}"
