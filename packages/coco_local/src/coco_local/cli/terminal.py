"""Terminal output: results on standard output, messages on standard error."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from coco_core.errors import CocoError, DaemonNotRunning
from coco_core.terminal import colorful, is_terminal, table_lines, write_message
from coco_core.terminal_text import visible
from coco_local.cli.exits import Exit

if TYPE_CHECKING:
    import typer
    from pydantic import BaseModel
    from rich.console import Console

__all__ = ["Terminal", "report", "terminal_of"]


class Terminal:
    """Both output streams of one command."""

    def __init__(self) -> None:
        self.json = False
        """Whether ``--json`` was given: standard output carries one JSON document."""
        self._console: Console | None = None

    @property
    def pretty(self) -> bool:
        """Whether standard output is looked at by a person: colors, tables, highlighting."""
        return not self.json and is_terminal(sys.stdout)

    @property
    def lively(self) -> bool:
        """Whether progress bars may be drawn on standard error."""
        return not self.json and is_terminal(sys.stderr)

    @property
    def console(self) -> Console:
        """Rich's console on standard output; it keeps to NO_COLOR and to the terminal's colors."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=sys.stdout, highlight=False, emoji=False, markup=False)
        return self._console

    @contextmanager
    def collected(self) -> Iterator[io.StringIO]:
        """Keep what is printed on the console in memory, styled as the terminal would show it."""
        from rich.console import Console

        real = self.console
        memory = io.StringIO()
        self._console = Console(
            file=memory,
            force_terminal=real.is_terminal,
            # "auto" of a file that is no terminal would be no color at all.
            color_system=real.color_system,  # type: ignore[arg-type]  # one of its names
            no_color=real.no_color,
            width=real.width,
            highlight=False,
            emoji=False,
            markup=False,
        )
        try:
            yield memory
        finally:
            self._console = real

    @property
    def aside(self) -> Console:
        """Rich's console on standard error, for progress."""
        from rich.console import Console

        return Console(file=sys.stderr, highlight=False, emoji=False, markup=False)

    def line(self, text: str = "", *, faint: bool = False) -> None:
        """Write one line of the result, less bright when it only leads to the others."""
        text = visible(text) if is_terminal(sys.stdout) else text
        if faint and colorful(sys.stdout):
            text = f"\x1b[2m{text}\x1b[0m"
        sys.stdout.write(f"{text}\n")

    def table(
        self, heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = ()
    ) -> None:
        """Write rows under their heads; the columns named in ``numbers`` are aligned right."""
        for at, line in enumerate(table_lines(heads, rows, numbers=numbers)):
            self.line(line, faint=at == 0)

    def note(self, text: str) -> None:
        """Say something about the result on standard error."""
        write_message("", "2", text)

    def warn(self, text: str) -> None:
        """Say on standard error that something is not as it should be."""
        write_message("warning: ", "33", text)

    def emit(self, data: BaseModel | Mapping[str, Any], meta: BaseModel | None = None) -> None:
        """Write the JSON envelope that the HTTP API answers with."""
        from coco_protocol.envelope import Meta

        self._write(
            {
                "meta": (meta or Meta()).model_dump(mode="json"),
                "data": data if isinstance(data, Mapping) else data.model_dump(mode="json"),
            }
        )

    def emit_line(self, data: BaseModel) -> None:
        """Write one JSON document of a stream, on a line of its own."""
        sys.stdout.write(f"{data.model_dump_json()}\n")
        sys.stdout.flush()

    def error(self, error: CocoError) -> Exit:
        """Report an error in the form that was asked for and return the exit code."""
        if self.json:
            from coco_protocol.errors import error_envelope

            self._write(error_envelope(error, "").model_dump(mode="json"))
        else:
            report(error.message, error.hint)
        return Exit.NOT_RUNNING if isinstance(error, DaemonNotRunning) else Exit.ERROR

    def _write(self, document: Mapping[str, Any]) -> None:
        indent = 2 if is_terminal(sys.stdout) else None
        sys.stdout.write(json.dumps(document, ensure_ascii=False, indent=indent) + "\n")
        sys.stdout.flush()


def report(message: str, hint: str | None) -> None:
    """Write an error and what to do about it to standard error."""
    write_message("error: ", "1;31", message)
    if hint:
        write_message("hint: ", "36", hint)


def terminal_of(context: typer.Context) -> Terminal:
    """Return the terminal of the running command."""
    terminal = context.find_root().obj
    assert isinstance(terminal, Terminal)
    return terminal
