"""Standard streams of a command line: whether they show colors, and lines that are safe to show."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any, TextIO

from coco_core.terminal_text import visible

__all__ = ["colorful", "is_terminal", "prepare_streams", "silence", "table_lines", "write_message"]


def is_terminal(stream: TextIO) -> bool:
    """Whether the stream is a terminal, or FORCE_COLOR says so."""
    return bool(os.environ.get("FORCE_COLOR")) or stream.isatty()


def colorful(stream: TextIO) -> bool:
    """Whether colors may be written: a terminal that has them, unless NO_COLOR is set."""
    forbidden = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return is_terminal(stream) and not forbidden


def write_message(tag: str, style: str, text: str) -> None:
    """Write a line to standard error; its tag is styled, or all of it when there is no tag.

    Args:
        tag: such as ``warning: ``.
        style: numbers of SGR; none is plain.
        text: made safe to show.
    """
    text = visible(text)
    if style and colorful(sys.stderr):
        text = f"\x1b[{style}m{tag}\x1b[0m{text}" if tag else f"\x1b[{style}m{text}\x1b[0m"
    else:
        text = tag + text
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def table_lines(
    heads: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[str] = ()
) -> Iterator[str]:
    """Yield rows under their heads; the columns named in ``numbers`` are aligned right.

    Nothing is cut to the terminal's width: a path that lost its end is worth nothing.
    """
    table = [heads, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    for row in table:
        cells = (
            cell.rjust(width) if head in numbers else cell.ljust(width)
            for head, cell, width in zip(heads, row, widths, strict=True)
        )
        yield "  ".join(cells).rstrip()


def prepare_streams() -> None:
    """Make every file name writable: as its bytes where that works, else in a readable form."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
            reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")


def silence(stream: Any) -> None:
    """Let what is still buffered go nowhere, so that the interpreter's last flush is quiet."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, stream.fileno())
    os.close(sink)
