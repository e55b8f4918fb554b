"""`coco rule`: try a WebAssembly rule on a text, with the limits that a server's worker sets."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from coco_core.errors import InvalidInput
from coco_local.cli.options import Json
from coco_local.cli.terminal import terminal_of

__all__ = ["app"]

app = typer.Typer(
    help="Try rules that change texts before they are indexed.",
    no_args_is_help=True,
)

_EXAMPLES = ("redact",)


@app.callback()
def _verbs() -> None:
    # Without this, typer would make an app of one verb that verb itself.
    pass


@app.command()
def run(
    context: typer.Context,
    *,
    module: Annotated[
        str, typer.Argument(metavar="MODULE", help="A .wasm file; `redact` is the example.")
    ],
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="The text; else standard input.")
    ] = None,
    json: Json = False,
) -> None:
    """Print what a rule makes of a text; nothing is indexed and no file is changed."""
    from coco_core.wasm.rules import TextRule

    del json
    terminal = terminal_of(context)
    rule = TextRule(_module(module), name=module)
    text = sys.stdin.read() if file is None else _read(file).decode("utf-8", "replace")
    result = rule.apply(text)
    if terminal.json:
        terminal.emit({"sha256": rule.sha256, "changed": result != text, "text": result})
    else:
        sys.stdout.write(result)


def _module(name: str) -> bytes:
    if name in _EXAMPLES:
        from importlib.resources import files

        return (files("coco_core.wasm") / "examples" / f"{name}.wasm").read_bytes()
    return _read(Path(name))


def _read(path: Path) -> bytes:
    try:
        return path.expanduser().read_bytes()
    except OSError as error:
        raise InvalidInput(
            f"{str(path)!r} cannot be read: {error.strerror}.", hint="Check the path."
        ) from error
