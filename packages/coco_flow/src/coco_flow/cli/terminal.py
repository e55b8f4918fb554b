"""What a command writes: results to standard output, everything about them to standard error."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from coco_core.terminal_text import visible

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
        return not self.json and not self.quiet and _is_terminal(sys.stderr)

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
        _say("", "", text)

    def note(self, text: str) -> None:
        """Say something about the result on standard error."""
        if not self.quiet:
            _say("", "2", text)

    def warn(self, text: str) -> None:
        """Say on standard error that something is not as it should be."""
        _say("warning: ", "33", text)

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
        _say("error: ", "1;31", message)
        if places:
            _say("", "", places)
        if hint:
            _say("hint: ", "36", hint)


def terminal_of(context: click.Context) -> Terminal:
    """Return the terminal of the running command."""
    terminal = context.find_root().obj
    assert isinstance(terminal, Terminal)
    return terminal


def colorful(stream: TextIO) -> bool:
    """Whether colors may be written: the terminal has them, and they are not turned off."""
    return (
        _is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    )


def _is_terminal(stream: TextIO) -> bool:
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def _say(tag: str, style: str, text: str) -> None:
    """Write a line of which the tag is colored, or all of it when there is no tag."""
    text = visible(text)
    if style and colorful(sys.stderr):
        text = f"\x1b[{style}m{tag}\x1b[0m{text}" if tag else f"\x1b[{style}m{text}\x1b[0m"
    else:
        text = tag + text
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
