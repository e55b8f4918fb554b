"""What a command writes: results to standard output, everything about them to standard error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, TextIO

from coco_core.terminal import colorful, is_terminal, write_message

if TYPE_CHECKING:
    import click

__all__ = ["Terminal", "terminal_of"]


class Terminal:
    """Both output streams of one command."""

    def __init__(self) -> None:
        self._out: TextIO = sys.stdout
        self.json = False
        self.quiet = False
        """Whether notes about the result are left out."""

    def use_json(self) -> None:
        """Let standard output have one JSON document; all else goes to standard error."""
        self.json = True
        # What the user's functions print must not get into the document.
        sys.stdout = sys.stderr

    @property
    def lively(self) -> bool:
        """Whether progress bars may be drawn on standard error."""
        return not self.json and not self.quiet and is_terminal(sys.stderr)

    @property
    def answers(self) -> bool:
        """Whether a person sits at standard input."""
        return sys.stdin is not None and sys.stdin.isatty()

    def style(self, text: str, codes: str, *, color: bool | None = None) -> str:
        """Return the text in a style (numbers of SGR) if standard output shows colors."""
        if not (colorful(self._out) if color is None else color):
            return text
        return f"\x1b[{codes}m{text}\x1b[0m"

    def line(self, text: str = "") -> None:
        """Write one line of the result."""
        self._out.write(f"{text}\n")

    def flush(self) -> None:
        """Let the result be read now."""
        self._out.flush()

    def document(self, document: Any) -> None:
        """Write the JSON document."""
        from coco_flow.cli.json_text import json_text

        self._out.write(json_text(document) + "\n")
        self._out.flush()

    def json_line(self, document: Any) -> None:
        """Write one JSON document of a stream, on one line."""
        self._out.write(json.dumps(document, ensure_ascii=False, default=str) + "\n")
        self._out.flush()

    def error_line(self, text: str) -> None:
        """Write one line to standard error as it is."""
        write_message("", "", text)

    def note(self, text: str) -> None:
        """Say something about the result on standard error."""
        if not self.quiet:
            write_message("", "2", text)

    def warn(self, text: str) -> None:
        """Say on standard error that something is not as it should be."""
        write_message("warning: ", "33", text)

    def error(self, message: str, *, hint: str | None, code: str, places: str = "") -> None:
        """Report an error as text or JSON.

        Args:
            message: What happened.
            hint: What to do next.
            code: The error's name for programs.
            places: The lines of the user's code that led to it, as text.
        """
        if self.json:
            body = {"code": code, "message": message, "hint": hint, "traceback": places or None}
            self.document({"error": body})
            return
        write_message("error: ", "1;31", message)
        if places:
            write_message("", "", places)
        if hint:
            write_message("hint: ", "36", hint)


def terminal_of(context: click.Context) -> Terminal:
    """Return the terminal of the running command."""
    terminal = context.find_root().obj
    assert isinstance(terminal, Terminal)
    return terminal
